"""Video decoders: each module counts the frames of a file and reads some of them.

``count(path)``, ``read(path, wanted)`` and ``frames(path)`` raise ValueError for what is no video;
``read`` leaves out frames after the end, ``frames`` yields all, with the seconds at which they are
shown. Frames are numbered in the order in which they are shown.
"""
