"""From text to tree, by recursive descent: each method reads one rule of docs/filters.md.

Not by a parser library: the rules fit on a page, what a word may hold depends on what stands before
it, and most errors are about fields and types, which no grammar knows.
"""

from index.errors import FilterError
from index.filters.fields import OPERATORS, Field, Operator, field_of, thing_of
from index.filters.scanner import Scanner, Word
from index.filters.tree import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_VALUES,
    Comparison,
    Has,
    Joined,
    Node,
    Not,
)
from index.filters.values import Value, value_of

MAX_CHARACTERS = 10_000


def parse(text: str) -> Node:
    """The tree of a text.

    Raises:
        FilterError: it is none of the language; says where and what was expected.
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(
            f"the filter has {len(text):,} characters, {MAX_CHARACTERS:,} are allowed: put the "
            f"videos into a collection and ask for that",
            position=MAX_CHARACTERS,
            length=len(text) - MAX_CHARACTERS,
        )
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._scanner = Scanner(text)
        self._depth = 0
        self._num_conditions = 0
        self._num_values = 0

    def whole(self) -> Node:
        """filter = alternatives, and nothing behind it."""
        node = self._alternatives()
        if self._scanner.next_word().text:
            raise self._scanner.error(
                'expected "and", "or" or the end; a value of several words, or with a sign of the '
                "language in it, stands in quotes"
            )
        return node

    def _alternatives(self) -> Node:
        """alternatives = conditions {"or" conditions}"""
        parts = [self._conditions()]
        while self._scanner.take_keyword("or"):
            parts.append(self._conditions())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _conditions(self) -> Node:
        """conditions = condition {"and" condition}"""
        parts = [self._condition()]
        while self._scanner.take_keyword("and"):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _condition(self) -> Node:
        """condition = "not" condition | "(" alternatives ")" | comparison"""
        if negation := self._scanner.take_keyword("not"):
            self._enter(negation)
            node: Node = Not(self._condition())
        elif parenthesis := self._scanner.take_sign("("):
            self._enter(parenthesis)
            node = self._alternatives()
            if not self._scanner.take_sign(")"):
                raise self._scanner.error('expected "and", "or" or ")"')
        else:
            return self._comparison()
        self._depth -= 1
        return node

    def _comparison(self) -> Node:
        """comparison = "has:" thing | field operator value | field ["not"] "in" "(" values ")" """
        name = self._scanner.take_name()
        if name is None or name.keyword():
            raise self._scanner.error("expected a condition, such as folder:holiday", name)
        self._num_conditions += 1
        if self._num_conditions > MAX_CONDITIONS:
            raise self._scanner.error(f"a filter has at most {MAX_CONDITIONS:,} conditions", name)
        if name.text.lower() == "has":
            return self._has()
        try:
            field = field_of(name.text)
        except ValueError as error:
            raise self._scanner.error(str(error), name) from None
        negated = self._scanner.take_keyword("not")
        if keyword := self._scanner.take_keyword("in"):
            _require_operator(self._scanner, field, "in", keyword)
            comparison = Comparison(field, "in", self._values(field))
            return Not(comparison) if negated else comparison
        operator = None if negated else self._scanner.take_operator()
        if operator is None:
            raise self._scanner.error(
                f"expected one of {' '.join(OPERATORS[field.kind])} behind {field.shown}"
            )
        checked = _require_operator(self._scanner, field, operator.text, operator)
        return Comparison(field, checked, (self._value(field, checked),))

    def _has(self) -> Node:
        colon = self._scanner.take_operator()
        if colon is None or colon.text != ":":
            raise self._scanner.error('expected ":" behind has', colon)
        thing = self._scanner.take_name()
        if thing is None:
            raise self._scanner.error("expected what it has, such as has:transcript")
        try:
            return Has(thing_of(thing.text))
        except ValueError as error:
            raise self._scanner.error(str(error), thing) from None

    def _values(self, field: Field) -> tuple[Value, ...]:
        """values = value {"," value}"""
        if not self._scanner.take_sign("("):
            raise self._scanner.error('expected "(" behind in, as in (a, b)')
        values = [self._value(field, "in")]
        while self._scanner.take_sign(","):
            values.append(self._value(field, "in"))
        if not self._scanner.take_sign(")"):
            raise self._scanner.error('expected "," or ")"')
        return tuple(values)

    def _value(self, field: Field, operator: Operator) -> Value:
        """value = WORD | STRING"""
        word = self._scanner.take_value()
        if word is None:
            raise self._scanner.error(f"expected what {field.shown} is compared with")
        if keyword := word.keyword():
            raise self._scanner.error(
                f"expected what {field.shown} is compared with; the text {keyword} stands in "
                "quotes",
                word,
            )
        self._num_values += 1
        if self._num_values > MAX_VALUES:
            raise self._scanner.error(f"a filter has at most {MAX_VALUES:,} values", word)
        try:
            return value_of(field, word.text, operator=operator, quoted=word.quoted)
        except ValueError as error:
            raise self._scanner.error(str(error), word) from None

    def _enter(self, word: Word) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._scanner.error(
                f"parentheses and negations stand at most {MAX_DEPTH} deep in each other", word
            )


def _require_operator(scanner: Scanner, field: Field, operator: str, word: Word) -> Operator:
    for allowed in OPERATORS[field.kind]:
        if operator == allowed:
            return allowed
    raise scanner.error(
        f"{field.shown} is {field.kind.value} and is compared by one of "
        f"{' '.join(OPERATORS[field.kind])}",
        word,
    )
