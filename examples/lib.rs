//! What every example shares: the common command line.
