"""Moles, freckles, scars, blemishes and veins: found in measured skin, measured, and kept through every stage."""
