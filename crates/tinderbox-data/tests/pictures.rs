//! Picture files and folders of them, good and damaged.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;
use tinderbox_data::images::{Colors, FolderOptions, read_image, read_image_folder};
use tinderbox_data::{Classes, DataError, Examples};

/// A picture without symmetry, so that exchanged axes or channels show.
fn colours(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(40 * x) as u8, (60 * y) as u8, (10 * x + 20 * y) as u8])
    })
}

fn greys(width: u32, height: u32) -> GrayImage {
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
fn colours_come_channel_after_channel_and_row_after_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "a.png", colours(3, 2));
    let read = read_image(&path, [3, 2, 3]).unwrap();
    let red = [0, 40, 80, 0, 40, 80];
    let green = [0, 0, 0, 60, 60, 60];
    let blue = [0, 10, 20, 20, 30, 40];
    assert_eq!(read, [red, green, blue].concat());
}

#[test]
fn grey_is_made_of_colours_as_pillow_makes_it_and_colours_by_repeating_grey() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_vec(4, 1, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 100, 50]);
    let path = save(folder.path(), "a.png", picture.unwrap());
    // `Image.convert("L")` of Pillow 13.
    assert_eq!(read_image(&path, [1, 1, 4]).unwrap(), [76, 150, 29, 124]);
    let path = save(folder.path(), "b.png", greys(2, 2));
    let grey = [0, 30, 50, 80];
    assert_eq!(read_image(&path, [1, 2, 2]).unwrap(), grey);
    assert_eq!(read_image(&path, [3, 2, 2]).unwrap(), [grey; 3].concat());
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_vec(2, 1, vec![0xffff, 0x8080]);
    let path = save(folder.path(), "c.png", deep.unwrap());
    assert_eq!(read_image(&path, [1, 1, 2]).unwrap(), [255, 128]);
}

#[test]
fn an_opaque_alpha_channel_is_dropped_and_transparent_pixels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let opaque = RgbaImage::from_pixel(2, 2, Rgba([10, 20, 30, 255]));
    let path = save(folder.path(), "opaque.png", opaque.clone());
    let expected = [[10; 4], [20; 4], [30; 4]].concat();
    assert_eq!(read_image(path, [3, 2, 2]).unwrap(), expected);
    let mut glass = opaque;
    glass.put_pixel(1, 1, Rgba([10, 20, 30, 100]));
    let path = save(folder.path(), "glass.png", glass);
    for channels in [1, 3] {
        let message = error(read_image(&path, [channels, 2, 2]));
        assert!(
            message.contains("glass.png") && message.contains("flatten it onto a background"),
            "{message}"
        );
    }
}

#[test]
fn pictures_are_resized_as_images_in_memory_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(folder.path(), "a.png", greys(5, 4));
    let whole = read_image(&path, [1, 4, 5]).unwrap();
    let classes = Classes::new(vec![0], vec!["a".into()]).unwrap();
    let images = tinderbox_data::images::Images::new(whole, [1, 4, 5], classes).unwrap();
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
fn files_that_are_no_whole_picture_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let png = bytes(colours(20, 20), ImageFormat::Png);
    let jpeg = bytes(colours(64, 64), ImageFormat::Jpeg);
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
        ("anim.gif", b"GIF89a\x01\x00\x01\x00".to_vec(), "Gif"),
        ("text.png", b"no picture".to_vec(), "neither as PNG nor"),
        ("empty.png", Vec::new(), "neither as PNG nor"),
    ];
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
    let path = save(folder.path(), "good.png", greys(4, 4));
    let message = error(read_image(&path, [2, 4, 4]));
    assert!(message.contains("1 channel (grey) or 3"), "{message}");
    let message = error(read_image(&path, [1, 0, 4]));
    assert!(message.contains("0 x 4"), "{message}");
}

/// `cat` with two pictures and `dog` with one, of one size, and hidden files.
fn pets(width: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "dog/a.png", greys(width, 3));
    save(folder.path(), "cat/b.PNG", greys(width, 3));
    save(folder.path(), "cat/a.jpg", RgbImage::new(width, 3));
    for hidden in [".DS_Store", "cat/.DS_Store"] {
        std::fs::write(folder.path().join(hidden), "x").unwrap();
    }
    folder
}

#[test]
fn a_folder_for_each_class_becomes_labelled_images() {
    let folder = pets(4);
    let grey = FolderOptions::new(Colors::Grey);
    let images = read_image_folder(folder.path(), &grey).unwrap();
    assert_eq!((images.len(), images.shape()), (3, [1, 3, 4]));
    assert_eq!(images.classes().names(), ["cat", "dog"]);
    assert_eq!(images.classes().labels(), [0, 0, 1]);
    assert_eq!(images.pixels(0), [0; 12]);
    assert_eq!(images.pixels(1), greys(4, 3).into_raw());
    let batch = images.gather(&[1], tinderbox_core::Seed::new(1)).unwrap();
    assert_eq!(batch.pixels[1], 30.0 / 255.0);

    // The labels are those of the classes that are given, in their order.
    let other = ["dog".to_string(), "cat".to_string()];
    let images = read_image_folder(folder.path(), &grey.classes(&other)).unwrap();
    assert_eq!(images.classes().names(), other);
    assert_eq!(images.classes().labels(), [0, 1, 1]);
}

#[test]
fn pictures_of_two_sizes_need_a_size() {
    let folder = pets(4);
    save(folder.path(), "dog/wide.png", colours(7, 3));
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
    let grey = FolderOptions::new(Colors::Grey).size(4, 4);
    let read = |folder: &TempDir| error(read_image_folder(folder.path(), &grey));

    let folder = tempfile::tempdir().unwrap();
    assert!(read(&folder).contains("a folder for each class"));
    save(folder.path(), "a.png", greys(4, 4));
    assert!(read(&folder).contains("a folder for each class"));
    std::fs::create_dir(folder.path().join("cat")).unwrap();
    let message = read(&folder);
    assert!(message.contains("pictures in") && message.contains("cat"));
    let none = folder.path().join("none");
    assert!(error(read_image_folder(none, &grey)).contains("none"));

    for (name, what) in [("cat/notes.txt", "file"), ("cat/inner/a.png", "folder")] {
        let folder = pets(4);
        save(folder.path(), "cat/inner.png", greys(4, 4));
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        let message = read(&folder);
        assert!(message.contains("take it away"), "{what}: {message}");
    }

    let folder = pets(4);
    std::fs::write(folder.path().join("cat/broken.png"), "no picture").unwrap();
    std::fs::write(folder.path().join("dog/broken.png"), "no picture").unwrap();
    let message = read(&folder);
    assert!(message.contains("cat/broken.png"), "{message}");
}

#[test]
fn classes_that_are_not_the_demanded_ones_are_listed() {
    let folder = pets(4);
    let read = |classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(|name| name.to_string()).collect();
        let options = FolderOptions::new(Colors::Grey).classes(&classes);
        error(read_image_folder(folder.path(), &options))
    };
    let message = read(&["cat", "dog", "fish"]);
    assert!(message.contains("missing [\"fish\"]"), "{message}");
    assert!(message.contains("its 2 classes are not the 3"), "{message}");
    let message = read(&["cat"]);
    assert!(message.contains("unexpected [\"dog\"]"), "{message}");
    assert!(read(&["cat", "dog", "dog"]).contains("not the 3 demanded"));
}

#[test]
fn options_round_trip_through_json() {
    let options = FolderOptions::new(Colors::Rgb).size(32, 48);
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(
        serde_json::from_str::<FolderOptions>(&text).unwrap(),
        options
    );
    let short: FolderOptions = serde_json::from_str(r#"{"colors": "grey"}"#).unwrap();
    assert_eq!(short, FolderOptions::new(Colors::Grey));
}
