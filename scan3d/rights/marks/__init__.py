"""What a file that leaves carries: visible label, imperceptible watermark, XMP, and a C2PA manifest, in this order."""
