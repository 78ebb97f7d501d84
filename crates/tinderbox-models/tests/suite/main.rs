//! Every registered model, compared with the registry, with torchvision and with the course.

mod parity;
mod registry;
mod shapes;
mod torchvision;
