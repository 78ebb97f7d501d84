//! Image files of the formats that data sets come in, good and damaged, and batches of images.

use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::images::{
    Images, Part, Transform, digit_classes, fashion_mnist_classes, read_cifar10, read_idx,
    read_idx_images, read_image_set,
};
use tinderbox_data::{Batches, Classes, Examples, Loader};

fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    for side in shape {
        file.extend(side.to_be_bytes());
    }
    file.extend(bytes);
    file
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    if name.ends_with(".gz") {
        let file = std::fs::File::create(&path).unwrap();
        let mut packed = GzEncoder::new(file, Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap();
    } else {
        std::fs::write(&path, bytes).unwrap();
    }
    path
}

/// Five images of 2 x 3 whose bytes count up, with labels 0 to 4.
fn five(folder: &Path) -> (PathBuf, PathBuf) {
    let pixels: Vec<u8> = (0..30).collect();
    (
        write(folder, "images.gz", &idx(&[5, 2, 3], &pixels)),
        write(folder, "labels", &idx(&[5], &[0, 1, 2, 3, 4])),
    )
}

#[test]
fn idx_files_are_read_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (images, labels) = five(folder.path());
    assert_eq!(read_idx(&images).unwrap().shape, [5, 2, 3]);
    let images = read_idx_images(&images, &labels, digit_classes()).unwrap();
    assert_eq!((images.len(), images.shape()), (5, [1, 2, 3]));
    assert_eq!(images.pixels(4), [24, 25, 26, 27, 28, 29]);
    assert_eq!(images.classes().labels(), [0, 1, 2, 3, 4]);
}

#[test]
fn packed_files_are_not_unpacked_beyond_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    // 16 MiB of zeros after a header that declares six bytes: some KiB packed.
    let long = idx(&[1, 2, 3], &vec![0; 16 << 20]);
    for name in ["long.gz", "long"] {
        let path = write(folder.path(), name, &long);
        let error = read_idx(&path).unwrap_err().to_string();
        assert!(error.contains("is 6 bytes, but there are more"), "{error}");
    }
    // A header with an impossible size must not lead to an allocation of that size.
    let path = write(folder.path(), "large.gz", &idx(&[u32::MAX, 2], &[1, 2, 3]));
    let error = read_idx(&path).unwrap_err().to_string();
    assert!(error.contains("but there are 3"), "{error}");
}

#[test]
fn damaged_idx_files_say_what_is_wrong_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (images, labels) = five(folder);
    let good = idx(&[5, 2, 3], &[0; 30]);
    let cases = [
        (
            "png",
            b"\x89PNG\r\n\x1a\n".to_vec(),
            "magic number is 89 50",
        ),
        ("short", vec![0, 0], "2 bytes are not an IDX file"),
        ("header", vec![0, 0, 8, 3, 0, 0], "header is cut off"),
        ("floats", [&[0, 0, 13, 1], &good[4..]].concat(), "type 0x0d"),
        (
            "truncated",
            good[..40].to_vec(),
            "[5, 2, 3], which is 30 bytes, but there are 24",
        ),
        (
            "long",
            [&good[..], &[1]].concat(),
            "30 bytes, but there are more",
        ),
        ("huge", idx(&[u32::MAX; 3], &[]), "more bytes than fit"),
    ];
    for (name, bytes, expected) in cases {
        let path = write(folder, name, &bytes);
        let error = read_idx(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(name), "{error}");
    }
    let broken = folder.join("broken.gz");
    std::fs::write(&broken, b"not packed").unwrap();
    assert!(
        read_idx(&broken)
            .unwrap_err()
            .to_string()
            .contains("does not unpack")
    );
    let packed = std::fs::read(&images).unwrap();
    let cut = folder.join("cut.gz");
    std::fs::write(&cut, &packed[..packed.len() - 10]).unwrap();
    let error = read_idx(&cut).unwrap_err().to_string();
    assert!(
        error.contains("cut.gz: it does not unpack") && error.contains("download it again"),
        "{error}"
    );
    assert!(
        read_idx(folder.join("none"))
            .unwrap_err()
            .to_string()
            .contains("none")
    );

    let fewer = write(folder, "fewer", &idx(&[4], &[0; 4]));
    let error = read_idx_images(&images, &fewer, digit_classes())
        .unwrap_err()
        .to_string();
    assert!(error.contains("[4] for 5 images"), "{error}");
    let error = read_idx_images(&labels, &images, digit_classes())
        .unwrap_err()
        .to_string();
    assert!(error.contains("exchange images and labels"), "{error}");
    let two = vec!["cat".to_string(), "dog".to_string()];
    let error = read_idx_images(&images, &labels, two)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("label 2, but there are 2 classes"),
        "{error}"
    );
}

#[test]
fn cifar_batches_are_read_and_damaged_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let record = |label: u8, value: u8| [&[label][..], &[value; 3072]].concat();
    let one = write(
        folder.path(),
        "one.bin",
        &[record(3, 1), record(9, 2)].concat(),
    );
    let two = write(folder.path(), "two.bin", &record(0, 3));
    let images = read_cifar10([&one, &two]).unwrap();
    assert_eq!((images.len(), images.shape()), (3, [3, 32, 32]));
    assert_eq!(images.classes().labels(), [3, 9, 0]);
    assert_eq!(images.classes().names()[3], "cat");
    assert!(images.pixels(2).iter().all(|&byte| byte == 3));

    let cut = write(folder.path(), "cut.bin", &record(0, 3)[..3000]);
    let error = read_cifar10([cut]).unwrap_err().to_string();
    assert!(
        error.contains("3000 bytes are not a whole number of records of 3073"),
        "{error}"
    );
    let label = write(folder.path(), "label.bin", &record(10, 3));
    assert!(
        read_cifar10([label])
            .unwrap_err()
            .to_string()
            .contains("label 10")
    );
    assert!(
        read_cifar10::<PathBuf>([])
            .unwrap_err()
            .to_string()
            .contains("no rows")
    );
}

#[test]
fn known_sets_are_found_by_name_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "t10k-images-idx3-ubyte.gz",
        &idx(&[2, 2, 2], &[7; 8]),
    );
    write(folder, "t10k-labels-idx1-ubyte", &idx(&[2], &[9, 0]));
    let images = read_image_set("fashion-mnist", folder, Part::Test).unwrap();
    assert_eq!(images.classes().names()[9], "ankle boot");
    assert_eq!(images.classes().labels(), [9, 0]);
    let digits = read_image_set("mnist", folder, Part::Test).unwrap();
    assert_eq!(digits.classes().names()[9], "9");
    let error = read_image_set("mnist", folder, Part::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("neither train-images-idx3-ubyte nor"),
        "{error}"
    );

    let record = [&[4][..], &[200; 3072]].concat();
    for batch in 1..=5 {
        let records = vec![record.clone(); batch].concat();
        write(folder, &format!("data_batch_{batch}.bin"), &records);
    }
    assert_eq!(
        read_image_set("cifar-10", folder, Part::Train)
            .unwrap()
            .len(),
        15
    );
    let error = read_image_set("cifar-10", folder, Part::Test)
        .unwrap_err()
        .to_string();
    assert!(error.contains("test_batch.bin"), "{error}");
    let error = read_image_set("cifar10", folder, Part::Test)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean") && error.contains("cifar-10"),
        "{error}"
    );
}

fn count_up(count: usize, shape: [usize; 3]) -> Images {
    let size: usize = shape.iter().product();
    let pixels = (0..count * size).map(|byte| (byte % 251) as u8).collect();
    let labels = (0..count).map(|label| (label % 10) as i32).collect();
    Images::new(
        pixels,
        shape,
        Classes::new(labels, digit_classes()).unwrap(),
    )
    .unwrap()
}

fn augmented(count: usize) -> Images {
    let transforms = vec![
        Transform::RandomCrop {
            height: 6,
            width: 5,
            padding: 2,
        },
        Transform::HorizontalFlip { probability: 0.5 },
        Transform::Normalize {
            mean: vec![0.5],
            std: vec![0.25],
        },
    ];
    count_up(count, [1, 6, 6])
        .with_transforms(transforms)
        .unwrap()
}

#[test]
fn batches_hold_numbers_from_0_to_1_and_class_indices() {
    let images = count_up(7, [2, 3, 4]);
    let host = images.gather(&[6, 0], Seed::new(1)).unwrap();
    assert_eq!(host.shape, [2, 2, 3, 4]);
    assert_eq!(host.pixels[..2], [144.0 / 255.0, 145.0 / 255.0]);
    assert_eq!(host.labels.labels(), [6, 0]);
    let batch = images.upload(host, &Device::flex());
    assert_eq!(batch.inputs.dims(), [2, 2, 3, 4]);
    assert_eq!(batch.targets.dims(), [2]);
}

#[test]
fn every_byte_becomes_its_quotient_by_255_to_the_bit() {
    let classes = Classes::new(vec![0], digit_classes()).unwrap();
    let images = Images::new((0..=255).collect(), [1, 16, 16], classes).unwrap();
    let host = images.gather(&[0], Seed::new(0)).unwrap();
    for (byte, number) in host.pixels.iter().enumerate() {
        let quotient = byte as f32 / 255.0;
        assert_eq!(number.to_bits(), quotient.to_bits(), "{byte}");
    }
}

#[test]
fn a_loader_gives_the_same_augmented_batches_whatever_the_threads() {
    let device = Device::flex();
    let epoch = |prefetch, epoch| -> Vec<f32> {
        let loader = Loader::new(augmented(10), 4)
            .unwrap()
            .shuffle(Seed::new(5))
            .prefetch(prefetch);
        let batches = loader.epoch(epoch, 0, &device).unwrap();
        batches
            .flat_map(|batch| batch.unwrap().inputs.try_into_vec_as::<f32>().unwrap())
            .collect()
    };
    assert_eq!(epoch(0, 0), epoch(2, 0));
    assert_ne!(epoch(0, 0), epoch(0, 1));
    assert_eq!(epoch(0, 0).len(), 10 * 6 * 5);
}

#[test]
fn a_batch_made_on_all_cores_is_what_its_images_are_alone() {
    let plain = count_up(40, [1, 96, 96]);
    let resize = Transform::Resize {
        height: 90,
        width: 100,
    };
    let flip = Transform::HorizontalFlip { probability: 0.5 };
    let resized = plain.clone().with_transforms(vec![resize, flip]).unwrap();
    let order: Vec<usize> = (0..40).rev().collect();
    for images in [plain, resized] {
        let batch = images.gather(&order, Seed::new(2)).unwrap();
        let alone: Vec<f32> = order
            .iter()
            .flat_map(|&index| images.image(index, Seed::new(2)))
            .collect();
        assert!(batch.pixels.len() > 300_000 && batch.pixels == alone);
    }
}

#[test]
fn subsets_share_pixels_and_draws_with_the_whole() {
    let images = augmented(10);
    let subset = images.subset(&[7, 2]).unwrap();
    assert_eq!(subset.pixels(0), images.pixels(7));
    assert_eq!(subset.classes().labels(), [7, 2]);
    let again = subset.subset(&[1]).unwrap();
    assert_eq!(again.image(0, Seed::new(3)), images.image(2, Seed::new(3)));
    assert!(
        subset
            .subset(&[2])
            .unwrap_err()
            .to_string()
            .contains("no example 2")
    );
}

#[test]
fn resized_once_is_resized_on_the_batch_but_for_the_rounding() {
    let images = count_up(3, [3, 8, 8]);
    let once = images.resized(5, 12).unwrap();
    let resize = Transform::Resize {
        height: 5,
        width: 12,
    };
    let often = images.with_transforms(vec![resize]).unwrap();
    assert_eq!(once.shape(), often.shape());
    for index in 0..3 {
        let pairs = once
            .image(index, Seed::new(1))
            .into_iter()
            .zip(often.image(index, Seed::new(1)));
        for (byte, number) in pairs {
            assert!((byte - number).abs() <= 0.5001 / 255.0, "{byte} {number}");
        }
    }
    assert!(
        often
            .resized(0, 3)
            .unwrap_err()
            .to_string()
            .contains("no side may be 0")
    );
}

#[test]
fn other_pixels_labels_or_transforms_are_other_data() {
    let images = count_up(4, [1, 2, 3]);
    let known = images.digest().unwrap();
    assert_eq!(count_up(4, [1, 2, 3]).digest(), Some(known));
    let same = images.subset(&[0, 1, 2]).unwrap();
    let flip = vec![Transform::HorizontalFlip { probability: 0.5 }];
    let others = [
        count_up(4, [1, 3, 2]),
        same,
        images.subset(&[0, 1, 3, 2]).unwrap(),
        images.clone().with_transforms(flip).unwrap(),
    ];
    for (number, other) in others.iter().enumerate() {
        assert_ne!(other.digest(), Some(known), "{number}");
    }
    let mut pixels: Vec<u8> = (0..4)
        .flat_map(|image| images.pixels(image).to_vec())
        .collect();
    let again = Images::new(pixels.clone(), [1, 2, 3], images.classes().clone()).unwrap();
    assert_eq!(again.digest(), Some(known));
    pixels[23] ^= 1;
    let other = Images::new(pixels, [1, 2, 3], images.classes().clone()).unwrap();
    assert_ne!(other.digest(), Some(known));
}

#[test]
fn images_and_labels_must_match() {
    let labels = |count| Classes::new(vec![0; count], digit_classes()).unwrap();
    assert!(Images::new(vec![0; 12], [1, 2, 3], labels(2)).is_ok());
    assert!(Images::new(vec![0; 13], [1, 2, 3], labels(2)).is_err());
    assert!(Images::new(vec![0; 12], [1, 2, 3], labels(3)).is_err());
    assert!(Images::new(vec![], [1, 0, 3], labels(0)).is_err());
    let names = fashion_mnist_classes();
    assert!(Classes::new(vec![10], names).is_err());
}

proptest! {
    #[test]
    fn the_draws_of_an_example_do_not_depend_on_its_batch(
        seed: u64,
        order in proptest::sample::subsequence((0..9usize).collect::<Vec<_>>(), 1..9).prop_shuffle(),
    ) {
        let images = augmented(9);
        let epoch = Seed::new(seed);
        let batch = images.gather(&order, epoch).unwrap();
        for (place, &index) in order.iter().enumerate() {
            let alone = images.gather(&[index], epoch).unwrap();
            prop_assert_eq!(&batch.pixels[place * 30..][..30], &alone.pixels[..]);
        }
    }
}
