"""Where the pictures and films of a video are served."""


def thumbnail_url(video_id: str, at_seconds: float) -> str:
    """Where the picture of a video at a time is served."""
    return f"/v1/videos/{video_id}/thumbnail?at_seconds={at_seconds:.3f}"


def media_url(video_id: str) -> str:
    """Where the file of a video is served."""
    return f"/v1/videos/{video_id}/media"


def preview_url(video_id: str, start_seconds: float, stop_seconds: float) -> str:
    """Where a stretch of a video is served as a small film."""
    return (
        f"/v1/videos/{video_id}/preview"
        f"?start_seconds={start_seconds:.3f}&stop_seconds={stop_seconds:.3f}"
    )
