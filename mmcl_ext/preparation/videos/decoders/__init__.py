"""Video decoders: each module counts the frames of a file and reads some of them.

``count(path)`` and ``read(path, wanted)`` raise ValueError for what is no video; ``read`` leaves
out frames after the end. Frames are numbered in the order in which they are shown.
"""
