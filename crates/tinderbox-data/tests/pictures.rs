//! Image files and folders of them, good and damaged.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;
use tinderbox_data::images::{
    Colors, FolderOptions, FolderReport, Images, read_image, read_image_folder,
    read_image_folder_with_report, read_image_on,
};
use tinderbox_data::{Classes, DataError, Examples};

/// An image without symmetry, so that exchanged axes or channels show.
fn colors(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(40 * x) as u8, (60 * y) as u8, (10 * x + 20 * y) as u8])
    })
}

fn grays(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| image::Luma([(30 * x + 50 * y) as u8]))
}

fn bytes(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn save(folder: &Path, name: &str, picture: impl Into<DynamicImage>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let format = ImageFormat::from_path(&path).unwrap();
    std::fs::write(&path, bytes(picture, format)).unwrap();
    path
}

fn error<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn colors_come_channel_after_channel_and_row_after_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "a.png", colors(3, 2));
    let read = read_image(&path, [3, 2, 3]).unwrap();
    let red = [0, 40, 80, 0, 40, 80];
    let green = [0, 0, 0, 60, 60, 60];
    let blue = [0, 10, 20, 20, 30, 40];
    assert_eq!(read, [red, green, blue].concat());
}

#[test]
fn color_becomes_gray_as_in_pillow_and_gray_is_repeated_for_color() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_vec(4, 1, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 100, 50]);
    let path = save(folder.path(), "a.png", picture.unwrap());
    // `Image.convert("L")` of Pillow 13.
    assert_eq!(read_image(&path, [1, 1, 4]).unwrap(), [76, 150, 29, 124]);
    let path = save(folder.path(), "b.png", grays(2, 2));
    let gray = [0, 30, 50, 80];
    assert_eq!(read_image(&path, [1, 2, 2]).unwrap(), gray);
    assert_eq!(read_image(&path, [3, 2, 2]).unwrap(), [gray; 3].concat());
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_vec(2, 1, vec![0xffff, 0x8080]);
    let path = save(folder.path(), "c.png", deep.unwrap());
    assert_eq!(read_image(&path, [1, 1, 2]).unwrap(), [255, 128]);
}

#[test]
fn transparent_pixels_are_blended_with_white_or_the_given_color() {
    let folder = tempfile::tempdir().unwrap();
    let opaque = RgbaImage::from_pixel(2, 1, Rgba([10, 20, 30, 255]));
    let path = save(folder.path(), "opaque.png", opaque.clone());
    let expected = [[10; 2], [20; 2], [30; 2]].concat();
    assert_eq!(read_image(path, [3, 1, 2]).unwrap(), expected);

    let mut glass = opaque;
    glass.put_pixel(1, 0, Rgba([10, 20, 30, 51])); // a fifth of the color, four fifths of the background
    let path = save(folder.path(), "glass.png", glass);
    let white = [10, 206, 20, 208, 30, 210];
    assert_eq!(read_image(&path, [3, 1, 2]).unwrap(), white);
    let blue = read_image_on(&path, [3, 1, 2], [0, 0, 250]).unwrap();
    assert_eq!(blue, [10, 2, 20, 4, 30, 206]);
    // 0.299 * 206 + 0.587 * 208 + 0.114 * 210 = 207.6
    assert_eq!(read_image(&path, [1, 1, 2]).unwrap(), [18, 208]);

    let gray = GrayAlphaImage::from_vec(2, 1, vec![100, 255, 100, 0]).unwrap();
    let path = save(folder.path(), "gray.png", gray);
    assert_eq!(read_image(&path, [1, 1, 2]).unwrap(), [100, 255]);
    let black = read_image_on(&path, [3, 1, 2], [0; 3]).unwrap();
    assert_eq!(black, [100, 0, 100, 0, 100, 0]);

    let deep = vec![0xffff, 0x8080, 0, 0xffff, 0xffff, 0, 0, 0];
    let deep = image::ImageBuffer::<Rgba<u16>, _>::from_vec(2, 1, deep).unwrap();
    let path = save(folder.path(), "deep.png", deep);
    let white = [255, 255, 128, 255, 0, 255];
    assert_eq!(read_image(&path, [3, 1, 2]).unwrap(), white);
}

#[test]
fn every_format_gives_the_same_pixels_whatever_the_file_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let picture = colors(4, 3);
    let png = save(folder.path(), "a.png", picture.clone());
    let expected = read_image(png, [3, 3, 4]).unwrap();
    let formats = [
        ("a.webp", ImageFormat::WebP),
        ("a.bmp", ImageFormat::Bmp),
        ("a.gif", ImageFormat::Gif),
        ("a.tiff", ImageFormat::Tiff),
        ("tiff.jpg", ImageFormat::Tiff),
    ];
    for (name, format) in formats {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes(picture.clone(), format)).unwrap();
        let read = read_image(&path, [3, 3, 4]).unwrap();
        // The colors of a GIF are those of a palette.
        let tolerance = if format == ImageFormat::Gif { 8 } else { 0 };
        for (got, expected) in read.iter().zip(&expected) {
            assert!(got.abs_diff(*expected) <= tolerance, "{name}: {read:?}");
        }
    }

    let floats = image::Rgb32FImage::from_pixel(2, 2, Rgb([0.5; 3]));
    let path = save(folder.path(), "floats.tiff", floats);
    let message = error(read_image(&path, [3, 2, 2]));
    assert!(message.contains("8 or 16 bits"), "{message}");
}

#[test]
fn of_an_animation_the_first_frame_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let file = std::fs::File::create(&path).unwrap();
    let mut film = image::codecs::gif::GifEncoder::new(file);
    for level in [200, 0] {
        let frame = RgbaImage::from_pixel(2, 2, Rgba([level, level, level, 255]));
        film.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(film);
    assert_eq!(read_image(&path, [1, 2, 2]).unwrap(), [200; 4]);
}

/// A JPEG file with an EXIF segment with an orientation.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01".to_vec();
    // Tag 0x0112, type 3 (16 bits), one number; no further directory.
    exif.extend([
        0x01,
        0x12,
        0,
        3,
        0,
        0,
        0,
        1,
        0,
        orientation,
        0,
        0,
        0,
        0,
        0,
        0,
    ]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn images_are_turned_as_their_exif_orientation_says() {
    // Blocks of 8 x 8 pixels, so that JPEG keeps their levels: 2 rows of 3.
    let levels = [[0, 50, 100], [150, 200, 250]];
    let stored = GrayImage::from_fn(24, 16, |x, y| {
        image::Luma([levels[y as usize / 8][x as usize / 8]])
    });
    let jpeg = bytes(stored, ImageFormat::Jpeg);
    // What the first row and the first column of the stored image are, by the EXIF standard (2.3, 4.6.4).
    let upright: [(u8, &[&[u8]]); 9] = [
        (1, &[&[0, 50, 100], &[150, 200, 250]]),
        (2, &[&[100, 50, 0], &[250, 200, 150]]),
        (3, &[&[250, 200, 150], &[100, 50, 0]]),
        (4, &[&[150, 200, 250], &[0, 50, 100]]),
        (5, &[&[0, 150], &[50, 200], &[100, 250]]),
        (6, &[&[150, 0], &[200, 50], &[250, 100]]),
        (7, &[&[250, 100], &[200, 50], &[150, 0]]),
        (8, &[&[100, 250], &[50, 200], &[0, 150]]),
        // No orientation is called 9.
        (9, &[&[0, 50, 100], &[150, 200, 250]]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (orientation, rows) in upright {
        let path = folder.path().join(format!("class/{orientation}.jpg"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, turned(&jpeg, orientation)).unwrap();
        let (height, width) = (8 * rows.len(), 8 * rows[0].len());
        let read = read_image(&path, [1, height, width]).unwrap();
        for (row, levels) in rows.iter().enumerate() {
            for (column, &level) in levels.iter().enumerate() {
                let got = read[(8 * row + 4) * width + 8 * column + 4];
                assert!(got.abs_diff(level) <= 3, "{orientation}: {got} for {level}");
            }
        }
        // The same in a folder, where sizes are taken before anything is resized.
        let gray = FolderOptions::new(Colors::Gray);
        let images = read_image_folder(folder.path(), &gray).unwrap();
        assert_eq!(images.shape(), [1, height, width]);
        assert_eq!(images.pixels(0), read);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_jpeg_may_have_anything_behind_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = bytes(colors(40, 30), ImageFormat::Jpeg);
    let path = folder.path().join("a.jpg");
    std::fs::write(&path, &jpeg).unwrap();
    let expected = read_image(&path, [3, 30, 40]).unwrap();
    let preview = bytes(colors(8, 8), ImageFormat::Jpeg);
    // A complete preview, one that is cut off, zeros, the start of a scan.
    let tails: [&[u8]; 4] = [
        &preview,
        &preview[..preview.len() / 2],
        &[0; 999],
        b"\xff\xda\0",
    ];
    for tail in tails {
        std::fs::write(&path, [&jpeg, tail].concat()).unwrap();
        assert_eq!(read_image(&path, [3, 30, 40]).unwrap(), expected);
    }
    // A complete preview in front does not make the image complete.
    let length = (preview.len() as u16 + 2).to_be_bytes();
    let with_preview = [&jpeg[..2], &[0xff, 0xe2], &length, &preview, &jpeg[2..]].concat();
    std::fs::write(&path, &with_preview).unwrap();
    assert_eq!(read_image(&path, [3, 30, 40]).unwrap(), expected);
    for cut in [1, 2, 50] {
        std::fs::write(&path, &with_preview[..with_preview.len() - cut]).unwrap();
        let message = error(read_image(&path, [3, 30, 40]));
        assert!(message.contains("cut off"), "{cut}: {message}");
    }
}

#[test]
fn a_file_that_declares_an_image_larger_than_memory_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    // A bitmap of 60,000 x 60,000 pixels, in 54 bytes.
    let mut bomb = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bomb.extend(60_000u32.to_le_bytes());
    bomb.extend(60_000u32.to_le_bytes());
    bomb.extend([1, 0, 24, 0]);
    bomb.extend([0; 24]);
    let path = folder.path().join("bomb.bmp");
    std::fs::write(&path, bomb).unwrap();
    let message = error(read_image(&path, [3, 8, 8]));
    assert!(message.contains("bomb.bmp"), "{message}");
}

#[test]
fn image_files_are_resized_as_images_in_memory_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "a.png", grays(5, 4));
    let whole = read_image(&path, [1, 4, 5]).unwrap();
    let classes = Classes::new(vec![0], vec!["a".into()]).unwrap();
    let images = Images::new(whole, [1, 4, 5], classes).unwrap();
    let expected = images.resized(3, 2).unwrap().pixels(0).to_vec();
    assert_eq!(read_image(&path, [1, 3, 2]).unwrap(), expected);
}

#[test]
fn jpeg_files_are_read_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let flat = RgbImage::from_pixel(16, 8, Rgb([200, 100, 50]));
    let jpeg = bytes(flat, ImageFormat::Jpeg);
    for name in ["a.jpg", "b.jpeg", "c.png"] {
        let path = folder.path().join(name);
        std::fs::write(&path, &jpeg).unwrap();
        let read = read_image(path, [3, 8, 16]).unwrap();
        for (channel, expected) in read.chunks(8 * 16).zip([200i32, 100, 50]) {
            let near = |&pixel: &u8| (i32::from(pixel) - expected).abs() <= 3;
            assert!(channel.iter().all(near), "{channel:?}");
        }
    }
}

#[test]
fn files_that_are_not_complete_images_are_named_with_the_problem() {
    let folder = tempfile::tempdir().unwrap();
    let png = bytes(colors(20, 20), ImageFormat::Png);
    let jpeg = bytes(colors(64, 64), ImageFormat::Jpeg);
    let mut altered = png.clone();
    let middle = png.len() / 2;
    altered[middle] ^= 0xff;
    let cases = [
        ("cut.png", png[..png.len() / 2].to_vec(), "decoded"),
        ("altered.png", altered, "decoded"),
        ("head.png", png[..20].to_vec(), "decoded"),
        ("cut.jpg", jpeg[..jpeg.len() / 2].to_vec(), "cut off"),
        ("end.jpg", jpeg[..jpeg.len() - 2].to_vec(), "cut off"),
        ("head.jpg", jpeg[..100].to_vec(), "cut off"),
        ("anim.gif", b"GIF89a\x01\x00\x01\x00".to_vec(), "decoded"),
        (
            "film.avif",
            b"\0\0\0\x18ftypavif".to_vec(),
            "the format Avif",
        ),
        (
            "text.png",
            b"no image".to_vec(),
            "PNG, JPEG, WebP, BMP, GIF",
        ),
        ("empty.png", Vec::new(), "PNG, JPEG, WebP, BMP, GIF"),
    ];
    let formats = [
        ("cut.bmp", ImageFormat::Bmp),
        ("cut.gif", ImageFormat::Gif),
        ("cut.webp", ImageFormat::WebP),
        ("cut.tif", ImageFormat::Tiff),
    ];
    let cut = formats.map(|(name, format)| {
        let whole = bytes(colors(20, 20), format);
        (name, whole[..whole.len() / 2].to_vec(), "decoded")
    });
    let cases = cases.into_iter().chain(cut);
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let message = error(read_image(&path, [3, 8, 8]));
        assert!(
            message.contains(name) && message.contains(expected),
            "{name}: {message}"
        );
    }
    let message = error(read_image(folder.path().join("none.png"), [3, 8, 8]));
    assert!(message.contains("none.png"), "{message}");
    let path = save(folder.path(), "good.png", grays(4, 4));
    let message = error(read_image(&path, [2, 4, 4]));
    assert!(message.contains("1 channel (gray) or 3"), "{message}");
    let message = error(read_image(&path, [1, 0, 4]));
    assert!(message.contains("0 x 4"), "{message}");
}

/// `cat` with two images and `dog` with one, of one size, and hidden files.
fn pets(width: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "dog/a.png", grays(width, 3));
    save(folder.path(), "cat/b.PNG", grays(width, 3));
    save(folder.path(), "cat/a.jpg", RgbImage::new(width, 3));
    for hidden in [".DS_Store", "cat/.DS_Store"] {
        std::fs::write(folder.path().join(hidden), "x").unwrap();
    }
    folder
}

#[test]
fn a_folder_for_each_class_becomes_labeled_images() {
    let folder = pets(4);
    let gray = FolderOptions::new(Colors::Gray);
    let images = read_image_folder(folder.path(), &gray).unwrap();
    assert_eq!((images.len(), images.shape()), (3, [1, 3, 4]));
    assert_eq!(images.classes().names(), ["cat", "dog"]);
    assert_eq!(images.classes().labels(), [0, 0, 1]);
    assert_eq!(images.pixels(0), [0; 12]);
    assert_eq!(images.pixels(1), grays(4, 3).into_raw());
    let batch = images.gather(&[1], tinderbox_core::Seed::new(1)).unwrap();
    assert_eq!(batch.pixels[1], 30.0 / 255.0);

    // The labels are those of the classes that are given, in their order.
    let other = ["dog".to_string(), "cat".to_string()];
    let images = read_image_folder(folder.path(), &gray.classes(&other)).unwrap();
    assert_eq!(images.classes().names(), other);
    assert_eq!(images.classes().labels(), [0, 1, 1]);
}

#[test]
fn images_of_two_sizes_need_a_size() {
    let folder = pets(4);
    save(folder.path(), "dog/wide.png", colors(7, 3));
    let rgb = FolderOptions::new(Colors::Rgb);
    let message = error(read_image_folder(folder.path(), &rgb));
    assert!(
        message.contains("wide.png")
            && message.contains("3 x 7")
            && message.contains("3 x 4")
            && message.contains("choose a size"),
        "{message}"
    );
    let images = read_image_folder(folder.path(), &rgb.clone().size(2, 5)).unwrap();
    assert_eq!((images.len(), images.shape()), (4, [3, 2, 5]));
    let alone = read_image(folder.path().join("dog/wide.png"), [3, 2, 5]).unwrap();
    assert_eq!(images.pixels(3), alone);
    let message = error(read_image_folder(folder.path(), &rgb.size(0, 5)));
    assert!(message.contains("0 x 5"), "{message}");
}

#[test]
fn a_folder_that_is_no_data_set_says_why() {
    let gray = FolderOptions::new(Colors::Gray).size(4, 4);
    let read = |folder: &TempDir| error(read_image_folder(folder.path(), &gray));

    let folder = tempfile::tempdir().unwrap();
    assert!(read(&folder).contains("a folder for each class"));
    save(folder.path(), "a.png", grays(4, 4));
    assert!(read(&folder).contains("a folder for each class"));
    std::fs::create_dir(folder.path().join("cat")).unwrap();
    std::fs::write(folder.path().join("cat/notes.txt"), "x").unwrap();
    let message = read(&folder);
    assert!(
        message.contains("images in") && message.contains(".webp"),
        "{message}"
    );
    let none = folder.path().join("none");
    assert!(error(read_image_folder(none, &gray)).contains("none"));

    let folder = pets(4);
    std::fs::write(folder.path().join("cat/broken.png"), "no image").unwrap();
    std::fs::write(folder.path().join("dog/broken.png"), "no image").unwrap();
    let message = read(&folder);
    assert!(message.contains("cat/broken.png"), "{message}");
}

fn report(folder: &TempDir, options: &FolderOptions) -> (Images, FolderReport) {
    read_image_folder_with_report(folder.path(), options).unwrap()
}

#[test]
fn files_that_are_not_images_are_skipped_and_listed() {
    let folder = pets(4);
    let gray = FolderOptions::new(Colors::Gray);
    let (before, nothing) = report(&folder, &gray);
    assert_eq!(nothing, FolderReport::default());

    let at = |name: &str| folder.path().join(name);
    for name in [
        "cat/Thumbs.db",
        "cat/notes.txt",
        "dog/desktop.ini",
        "README.txt",
    ] {
        std::fs::write(at(name), "x").unwrap();
    }
    for name in ["empty", "fish", "dog/inner"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::write(at("fish/notes.txt"), "x").unwrap();
    let (images, report) = report(&folder, &gray);
    assert_eq!(images.classes(), before.classes());
    assert_eq!(images.pixels(1), before.pixels(1));
    let others = [
        "cat/Thumbs.db",
        "cat/notes.txt",
        "dog/desktop.ini",
        "dog/inner",
        "fish/notes.txt",
    ];
    assert_eq!(report.passed_over, others.map(at));
    assert_eq!(report.empty, ["empty", "fish"]);
}

#[test]
fn damaged_images_are_an_error_or_skipped_and_listed() {
    let folder = pets(4);
    let gray = FolderOptions::new(Colors::Gray);
    let whole = read_image_folder(folder.path(), &gray).unwrap();
    // The first of all images, one in the middle, and photographs that must be converted.
    let names = ["cat/a.bmp", "cat/ab.png", "dog/b.heic"];
    for name in names {
        std::fs::write(folder.path().join(name), "no image").unwrap();
    }
    let message = error(read_image_folder(folder.path(), &gray));
    assert!(message.contains("cat/a.bmp"), "{message}");

    let skipping = gray.skip_damaged(true);
    for options in [skipping.clone(), skipping.clone().square(64)] {
        let (images, report) = report(&folder, &options);
        let damaged: Vec<_> = report
            .damaged
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        assert_eq!(damaged, names.map(|name| folder.path().join(name)));
        assert!(report.damaged[0].1.contains("convert it"), "{report:?}");
        assert_eq!(images.classes(), whole.classes());
        for index in 0..whole.len() {
            assert_eq!(images.pixels(index), whole.pixels(index));
        }
    }

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("cat")).unwrap();
    std::fs::write(folder.path().join("cat/a.png"), "no image").unwrap();
    for options in [skipping.clone(), skipping.size(4, 4)] {
        let message = error(read_image_folder(folder.path(), &options));
        assert!(message.contains("none of its images"), "{message}");
    }
}

#[test]
fn transparent_images_of_a_folder_are_counted() {
    let folder = pets(4);
    let glass = RgbaImage::from_pixel(4, 3, Rgba([0, 0, 0, 0]));
    save(folder.path(), "dog/glass.png", glass);
    let gray = FolderOptions::new(Colors::Gray);
    let (images, white) = report(&folder, &gray);
    assert_eq!((white.transparent, images.pixels(3)), (1, &[255; 12][..]));
    let (images, red) = report(&folder, &gray.background([255, 0, 0]));
    assert_eq!((red.transparent, images.pixels(3)), (1, &[76; 12][..]));
}

#[test]
fn a_square_is_for_images_that_are_large_or_of_different_sizes() {
    let folder = pets(4);
    let shape = |side| {
        let options = FolderOptions::new(Colors::Gray).square(side);
        read_image_folder(folder.path(), &options).unwrap().shape()
    };
    assert_eq!(shape(4), [1, 3, 4]);
    assert_eq!(shape(3), [1, 3, 3]);
    save(folder.path(), "dog/wide.png", grays(7, 3));
    assert_eq!(shape(64), [1, 64, 64]);
}

#[test]
fn required_classes_may_lack_images_but_other_classes_are_refused() {
    let folder = pets(4);
    let options = |classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(|name| name.to_string()).collect();
        FolderOptions::new(Colors::Gray).classes(&classes)
    };
    std::fs::create_dir(folder.path().join("ant")).unwrap();
    let (images, report) = report(&folder, &options(&["ant", "dog", "fish", "cat"]));
    assert_eq!(images.classes().names(), ["ant", "dog", "fish", "cat"]);
    assert_eq!(images.classes().labels(), [1, 3, 3]);
    assert_eq!(report.missing, ["ant", "fish"]);

    let message = |classes: &[&str]| error(read_image_folder(folder.path(), &options(classes)));
    let text = message(&["cat"]);
    assert!(text.contains("images of [\"dog\"]"), "{text}");
    assert!(message(&["cat", "dog", "dog"]).contains("required twice"));
}

#[test]
fn options_round_trip_through_json() {
    let options = FolderOptions::new(Colors::Rgb).size(32, 48);
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(
        serde_json::from_str::<FolderOptions>(&text).unwrap(),
        options
    );
    let short: FolderOptions = serde_json::from_str(r#"{"colors": "gray"}"#).unwrap();
    assert_eq!(short, FolderOptions::new(Colors::Gray));
}
