//! Every form of file that the program takes.
