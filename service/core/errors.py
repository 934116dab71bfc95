"""Failures of the service; which HTTP answer each becomes: service.http.problems.

CPDError                         (cpd_model.errors, index.errors for the rest of the family)
  - OverloadedError              a queue is full: try again later
  - NotReadyError                the model is still being loaded, or could not be
  - InputError
      - MediaGoneError           the catalog knows the video, but its file is no longer there
      - UploadTooLargeError      more bytes or seconds than an upload may have
      - UnsupportedUploadError   a body of a type that is not understood
      - ForeignRequestError      addressed to a host name, or sent from a site, that is not ours
"""

from cpd_model.errors import CPDError, InputError


class OverloadedError(CPDError):
    """Too much waits already; the same request may succeed a little later."""

    code = "overloaded"

    retry_after_seconds = 1


class NotReadyError(CPDError):
    """The model has not answered yet, or cannot."""

    code = "not-ready"

    retry_after_seconds = 2


class MediaGoneError(InputError):
    """The file of a video in the catalog is no longer where it was."""

    code = "media-gone"


class UploadTooLargeError(InputError):
    """An upload has more bytes or lasts longer than allowed."""

    code = "upload-too-large"


class UnsupportedUploadError(InputError):
    """The body of a request has a type that is not understood."""

    code = "unsupported-upload"


class ForeignRequestError(InputError):
    """A request addressed to another host, or one that another web site made a browser send."""

    code = "foreign-request"
