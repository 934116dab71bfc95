"""A listener that keeps what it was told."""


class RememberingListener:
    """What a run said, line by line."""

    def __init__(self):
        self.messages = []
        self.lines = []

    def message(self, text):
        self.messages.append(text)

    def planned(self, total_steps):
        self.total_steps = total_steps

    def measured(self, figures):
        self.lines.append(dict(figures))
