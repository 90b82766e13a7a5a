"""A licence in the words of others: ODRL 2.2, PLUS and IPTC, VRM 1.0. What is not allowed is denied."""
