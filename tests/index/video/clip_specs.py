"""Two ways to make a frame 16 x 16 pixels, and the colours that are written into videos."""

from cpd_model.encoder import ClipSpec

SPEC = ClipSpec(num_frames=4, frame_size=16, resize="crop", short_side=16)
SQUASH = ClipSpec(num_frames=4, frame_size=16, resize="squash", short_side=16)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
