//! The optimizers whose updates are elementwise, one a file.

mod sgd;

pub(crate) use sgd::Sgd;
