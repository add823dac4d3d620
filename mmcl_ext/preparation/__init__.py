"""Offline: videos and depth maps to person crops and composite images."""
