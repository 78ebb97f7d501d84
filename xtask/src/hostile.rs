//! Small difficult files of the kinds that users have: locale numbers, spaces, byte-order marks, other encodings,
//! rare classes, rotated and transparent photographs. Programs train on them and predict, and the predictions are
//! compared with values computed by hand.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use xshell::{Shell, cmd};

/// Trains and predicts on the tables and on the images; `program` returns the path of an example.
pub fn run(shell: &Shell, program: &dyn Fn(&str) -> PathBuf, device: &str) -> Result<()> {
    let folder = shell.create_temp_dir()?;
    let folder = folder.path();
    for table in tables() {
        let programs = [program("tabular"), program("predict")];
        let name = table.name;
        let checked = table.check(shell, &programs, device, &folder.join(name));
        checked.with_context(|| format!("the table \"{name}\""))?;
    }
    let programs = [program("image_classifier"), program("classify")];
    pictures(shell, &programs, device, &folder.join("pictures")).context("the folder of images")
}

/// A table to train on and a table to predict for. The target is 2 x for category a and 2 x + 3 for category b.
struct Table {
    name: &'static str,
    train: Vec<u8>,
    new: Vec<u8>,
    /// Options for `tabular`; `predict` reads them from the bundle.
    options: &'static [&'static str],
    /// The value 1 in the units of the file.
    unit: f64,
}

/// Number, category and target of the rows to train on.
fn rows() -> impl Iterator<Item = (usize, f64, &'static str, f64)> {
    (0..60).map(|row| {
        let x = (row * 37 % 60) as f64 * 0.25;
        let (category, more) = [("a", 0.0), ("b", 3.0)][row / 3 % 2];
        (row, x, category, 2.0 * x + more)
    })
}

/// The rows to predict for, and their targets.
const NEW: [(f64, &str, f64); 2] = [(1.25, "b", 5.5), (10.5, "a", 21.0)];

/// The two tables with this header; `line` formats row number, x, category and target.
fn table(header: &str, line: impl Fn(usize, f64, &str, f64) -> String) -> [String; 2] {
    let head = format!("{header}\n");
    let train = rows().map(|(row, x, category, y)| line(row, x, category, y) + "\n");
    let train = head.clone() + &train.collect::<String>();
    let new =
        (NEW.iter().enumerate()).map(|(row, (x, category, y))| line(row, *x, category, *y) + "\n");
    [train, head + &new.collect::<String>()]
}

/// `1299.5` as `1.299,50` or `1,299.50`.
fn grouped(value: f64, thousands: char, decimal: char) -> String {
    let text = format!("{value:.2}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(thousands);
        }
        out.push(digit);
    }
    format!("{out}{decimal}{fraction}")
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn windows(text: &str) -> Vec<u8> {
    // Only characters below U+0100 are used, and their code points equal the bytes.
    text.chars().map(|letter| letter as u8).collect()
}

fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    let mut add = |name, [train, new]: [Vec<u8>; 2], options, unit| {
        tables.push(Table {
            name,
            train,
            new,
            options,
            unit,
        });
    };
    let plain = |texts: [String; 2]| texts.map(String::into_bytes);
    let comma = |value: f64| format!("{value}").replace('.', ",");
    let simple = || table("x,c,y", |_, x, c, y| format!("{x},{c},{y}"));

    let texts = table("x;c;y", |_, x, c, y| {
        format!("{};{c};{}", comma(x), comma(y))
    });
    add("decimal comma", plain(texts), &[], 1.0);
    let money = |value: f64| grouped(1000.0 * value, '.', ',');
    let texts = table("x;c;y", |_, x, c, y| {
        format!("{};{c};{}", money(x), money(y))
    });
    add("thousands with points", plain(texts), &[], 1000.0);
    let dollars = |value: f64| grouped(1000.0 * value, ',', '.');
    let texts = table("x,c,y", |_, x, c, y| {
        format!("\"${}\",{c},\"{}\"", dollars(x), dollars(y))
    });
    add("dollars", plain(texts), &[], 1000.0);
    let texts = table("x,c,y", |_, x, c, y| format!("{x}%,{c},{y}"));
    add("percent", plain(texts), &[], 1.0);
    let texts = table("x, c, note, y", |row, x, c, y| {
        let note = if row % 4 == 0 { "NA" } else { "seen" };
        let blank = if row % 7 == 0 { "\n   " } else { "" };
        format!("{blank}  {x} , {c}, {note} ,{y}")
    });
    add("blanks", plain(texts), &[], 1.0);
    let marked = simple().map(|text| format!("\u{feff}{text}").replace('\n', "\r\n"));
    add("byte-order mark", plain(marked), &[], 1.0);
    add("utf-16", simple().map(|text| utf16(&text)), &[], 1.0);
    let accents = simple().map(|text| text.replace('b', "b\u{e9}"));
    let accents = accents.map(|text| windows(&text));
    add(
        "windows-1252",
        accents,
        &["--encoding", "windows-1252"],
        1.0,
    );
    let texts = table("x,c,s,y", |row, x, c, y| {
        let sparse = if row == 1 { "7.5" } else { "" };
        format!("{x},{c},{sparse},{y}")
    });
    add("sparse column", plain(texts), &[], 1.0);
    let texts = table("x,c,y", |row, x, c, y| {
        format!("{x},{},{y}", if row == 17 { "once" } else { c })
    });
    add("rare category", plain(texts), &[], 1.0);
    let texts = table("x,c,sold,y", |row, x, c, y| {
        format!("{x},{c},{:02}/{:02}/2001,{y}", 1 + row % 28, 1 + row % 12)
    });
    add("days before months", plain(texts), &[], 1.0);
    let texts = table("x,c,y", |row, x, c, y| {
        let x = if row % 9 == 8 {
            format!("+{x:e}")
        } else {
            x.to_string()
        };
        format!("\"{x}\",'{c}',\"{y}\"")
    });
    add("quotes", plain(texts), &[], 1.0);
    let [train, new] = simple();
    let train = format!("exported by a program\n# with a comment\n{train}");
    let options: &[&str] = &["--skip-rows", "1", "--comment", "#"];
    add(
        "lines above the header",
        plain([train, format!("any\n{new}")]),
        options,
        1.0,
    );
    tables
}

impl Table {
    fn check(
        &self,
        shell: &Shell,
        [tabular, predict]: &[PathBuf; 2],
        device: &str,
        folder: &Path,
    ) -> Result<()> {
        let (file, new) = (folder.join("train.csv"), folder.join("new.csv"));
        shell.create_dir(folder)?;
        shell.write_file(&file, &self.train)?;
        shell.write_file(&new, &self.new)?;
        let (run, options) = (folder.join("run"), self.options);
        cmd!(
            shell,
            "{tabular} {file} --target y --model linear --device {device} --out {run} {options...}"
        )
        .quiet()
        .ignore_stdout()
        .run()?;
        let bundle = run.join("bundle");
        // Standard output is not a regular file; the table must be written there too.
        let out = Path::new("/dev/stdout");
        let printed = cmd!(
            shell,
            "{predict} {bundle} {new} --device {device} --out {out}"
        );
        let printed = printed.quiet().read()?;
        let mut lines = printed.lines();
        ensure!(lines.next() == Some("y"), "no header: {printed}");
        for (x, category, truth) in NEW {
            let truth = truth * self.unit;
            let line = lines.next().unwrap_or_default();
            let found: f64 = line.parse().with_context(|| printed.clone())?;
            ensure!(
                (found - truth).abs() < 0.01 * self.unit,
                "x {x}, category {category}: predicted {found} where {truth} is right"
            );
        }
        Ok(())
    }
}

/// The three classes: the half of the image that is bright.
const CLASSES: [&str; 3] = ["left", "right", "top"];
const SIDE: u32 = 32;

/// An image of a class; `number` varies its brightness.
fn half(class: &str, number: u32) -> RgbImage {
    let (dark, bright) = (10 + number % 40, 255 - number * 7 % 50);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let inside = match class {
            "left" => x < SIDE / 2,
            "right" => x >= SIDE / 2,
            _ => y < SIDE / 2,
        };
        let grain = (x * 31 + y * 17 + number * 13) % 9;
        Rgb([((if inside { bright } else { dark }) - grain) as u8; 3])
    })
}

fn encoded(picture: DynamicImage, format: ImageFormat) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

/// A JPEG file with an EXIF orientation; 3 is upside down.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1, length[0], length[1]]);
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// An image as a camera that is held upside down stores it.
fn upside_down(class: &str, number: u32) -> Result<Vec<u8>> {
    let turned = image::imageops::rotate180(&half(class, number));
    Ok(with_orientation(
        &encoded(turned.into(), ImageFormat::Jpeg)?,
        3,
    ))
}

/// A complete image followed by more bytes, as some phones write them.
fn with_a_tail(class: &str, number: u32) -> Result<Vec<u8>> {
    let mut bytes = encoded(half(class, number).into(), ImageFormat::Jpeg)?;
    bytes.extend(b"more of the maker's own");
    Ok(bytes)
}

/// The bright half is transparent, over a white background.
fn transparent(class: &str, number: u32) -> Result<Vec<u8>> {
    let picture = half(class, number);
    let seen = RgbaImage::from_fn(SIDE, SIDE, |x, y| {
        let light = picture.get_pixel(x, y)[0];
        Rgba([light, light, light, if light > 127 { 0 } else { 255 }])
    });
    encoded(seen.into(), ImageFormat::Png)
}

fn pictures(
    shell: &Shell,
    [train, classify]: &[PathBuf; 2],
    device: &str,
    folder: &Path,
) -> Result<()> {
    let data = folder.join("data");
    for class in CLASSES {
        let file = |part: &str, name: &str| data.join(part).join(class).join(name);
        for number in 0..30 {
            let png = encoded(half(class, number).into(), ImageFormat::Png)?;
            shell.write_file(file("Train", &format!("{number}.png")), png)?;
        }
        shell.write_file(file("Train", "turned.jpg"), upside_down(class, 1)?)?;
        shell.write_file(file("Train", "tail.jpeg"), with_a_tail(class, 2)?)?;
        shell.write_file(file("Train", "glass.png"), transparent(class, 3)?)?;
        shell.write_file(file("Train", "Thumbs.db"), "no image")?;
        shell.write_file(file("Train", "._0.png"), "nor this")?;
        for number in 30..34 {
            let webp = encoded(half(class, number).into(), ImageFormat::WebP)?;
            shell.write_file(file("validation", &format!("{number}.webp")), webp)?;
        }
    }
    shell.create_dir(data.join("Train/empty"))?;
    shell.write_file(data.join("read me.txt"), "images of halves")?;
    let run = folder.join("run");
    cmd!(shell, "{train} --data {data} --device {device} --out {run}")
        .quiet()
        .ignore_stdout()
        .run()?;

    let mut files = Vec::new();
    let mut add = |name: &str, class: &'static str, bytes: Vec<u8>| {
        files.push((folder.join(name), class));
        shell.write_file(folder.join(name), bytes)
    };
    add("turned.jpg", "top", upside_down("top", 50)?)?;
    add("turned-left.jpg", "left", upside_down("left", 51)?)?;
    add("tail.jpg", "right", with_a_tail("right", 52)?)?;
    add("glass.png", "left", transparent("left", 53)?)?;
    let formats = [
        ("right.webp", ImageFormat::WebP),
        ("right.bmp", ImageFormat::Bmp),
        ("right.gif", ImageFormat::Gif),
        ("right.tiff", ImageFormat::Tiff),
    ];
    for (name, format) in formats {
        add(name, "right", encoded(half("right", 54).into(), format)?)?;
    }
    let (bundle, paths) = (run.join("bundle"), files.iter().map(|(path, _)| path));
    let printed = cmd!(
        shell,
        "{classify} {bundle} {paths...} --top 1 --device {device}"
    );
    let printed = printed.quiet().read()?;
    let mut wrong = String::new();
    for ((path, class), line) in files.iter().zip(printed.lines()) {
        if line.split_whitespace().rev().nth(1) != Some(class) {
            writeln!(wrong, "{} shows {class}: {line}", path.display())?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    ensure!(printed.lines().count() == files.len(), "{printed}");
    Ok(())
}
