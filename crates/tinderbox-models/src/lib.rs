//! The course's models, one a file, and the registry that names them.
