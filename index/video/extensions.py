"""What the names of files promise; nothing is opened, and FFmpeg is not needed, to tell."""

_VIDEO_NAMES = """
    3g2 3gp amv apng asf avi divx dv f4v flv gif h264 h265 hevc ivf m1v m2t m2ts m2v m4v mjpeg
    mjpg mk3d mkv mov mp4 mpe mpeg mpg mpv mts mxf nsv nut obu ogm ogv qt rm rmvb roq tod trp
    ts vob webm wmv wtv xvid y4m
"""
_OTHER_NAMES = """
    ai arw avif bmp cr2 dng eps exr heic heif ico jpeg jpg jxl nef png psd svg tga tif tiff
    webp xcf aac aif aiff amr ape flac m4a m4b mid midi mka mp2 mp3 oga ogg opus wav wma ass
    csv htm html idx ini json jsonl log lrc m3u m3u8 md mpd nfo pdf rst rtf sbv srt ssa sub
    sup tex toml tsv txt vtt xml yaml yml 7z bak bin bz2 c cfg cpp css dat db dll doc docx exe
    gz h h5 hdf5 iso jar js lock npy npz parquet part partial pkl ppt pptx pt pth py pyc rar
    rs safetensors sh so sql sqlite sqlite3 tar tgz tmp torrent whl xls xlsx xz zip zst
"""

VIDEO_EXTENSIONS = frozenset(f".{name}" for name in _VIDEO_NAMES.split())
"""Names that promise a video, in lower case with the dot."""

OTHER_EXTENSIONS = frozenset(f".{name}" for name in _OTHER_NAMES.split())
"""Names that promise stills, sound, text, archives or data, in lower case with the dot."""

PICTURE_EXTENSIONS = frozenset(
    {".avif", ".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Names that promise a still picture, in lower case with the dot."""

MEDIA_EXTENSIONS = VIDEO_EXTENSIONS | PICTURE_EXTENSIONS
"""Names that promise a video or a picture, in lower case with the dot."""
