"""Everything that can go wrong, as one family.

    CPDError                    shown to a person as one sentence; the command line exits with 2
      - InputError              the sender can mend it: a bad query, label list, option, file
          - VideoError          (index.errors) a file that cannot be decoded
      - ModelError              a model that cannot be had or used
          - ModelNotFoundError  no such bundle, folder or hub name within reach
          - BundleError         a bundle that is incomplete, damaged or from another version
      - DeviceError             the asked-for device is not there
      - LibraryError            (index.errors) a library that cannot be opened, written or searched

A message says what happened, to which thing, what was expected and what to do, in one sentence.
Programmer mistakes are ValueError or TypeError, and nobody catches those.
"""

from typing import ClassVar


class CPDError(Exception):
    """Root of all failures that a user is told about."""

    code: ClassVar[str] = "cpd"
    """What programs know it by, in `--json` and in the type of a REST problem. It stays where the
    sentence may change; each class has its own."""


class InputError(CPDError):
    """What was sent cannot be used; sending something else helps."""

    code = "input"


class ModelError(CPDError):
    """A model cannot be had or used."""

    code = "model"


class ModelNotFoundError(ModelError):
    """No model of that name is within reach."""

    code = "model-not-found"


class BundleError(ModelError):
    """A model bundle is incomplete, damaged or from another version."""

    code = "bundle"


class DeviceError(CPDError):
    """The device that was asked for is not there."""

    code = "device"
