"""Log lines as events with facts: coloured for a person, JSON for a machine. Always on stderr."""

import logging
import sys
from typing import cast

import structlog
from structlog.typing import Processor

from service.settings import Settings

EVENTS = "cpd.service"
"""The standard logger that the service's events go through."""


def open_log() -> structlog.stdlib.BoundLogger:
    """A log of events with facts, by way of the standard library's logger.

    So a program that embeds the service configures it like any other, and until somebody does,
    warnings alone are heard.
    """
    log = structlog.wrap_logger(
        logging.getLogger(EVENTS),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return cast(structlog.stdlib.BoundLogger, log)


def configure_logging(settings: Settings) -> None:
    """Write our events, and the warnings of the libraries below us, in one form.

    Called once, by the command; importing this module changes nothing.
    """
    for_people = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(for_people=for_people))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # libraries speak up only when something is wrong
    logging.getLogger(EVENTS).setLevel(settings.log_level.upper())


def formatter(*, for_people: bool) -> logging.Formatter:
    """Lines with time, level and facts; JSON unless they are for people."""
    processors: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if for_people:
        # A plain traceback: rich's takes seconds, during which nobody is answered.
        plain = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(exception_formatter=plain))
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=processors,
    )
