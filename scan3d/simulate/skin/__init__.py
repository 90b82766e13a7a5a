"""The look of a virtual subject: skin from its pigments, cloth, eyes and hair."""

from scan3d.simulate.skin.dress import dress_up

__all__ = ["dress_up"]
