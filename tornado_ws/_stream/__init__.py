"""Bytes in and out of an IOStream; what they mean is not known here."""
