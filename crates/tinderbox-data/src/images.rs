//! Images in memory, stored as bytes until they are gathered into a batch.

mod cifar;
mod collection;
mod folder;
mod idx;
mod labels;
mod picture;
mod resize;
mod sets;
mod transform;

pub use cifar::read_cifar10;
pub use collection::{ImageBatch, Images};
pub use folder::{FolderOptions, FolderReport, read_image_folder, read_image_folder_with_report};
pub use idx::{Idx, read_idx, read_idx_images};
pub use labels::{cifar10_classes, digit_classes, fashion_mnist_classes};
pub use picture::{Colors, WHITE, read_image, read_image_on};
pub use resize::Resizer;
pub use sets::{IMAGE_SETS, Part, read_image_set};
pub use transform::Transform;
