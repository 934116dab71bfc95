"""What files beside a video say of it: found by their names, read without trust."""
