"""The open body: a model in SMPL-X's format built from MakeHuman's CC0 base mesh, targets, rig and face units."""
