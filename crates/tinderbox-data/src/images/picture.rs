use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};

use super::Resizer;
use crate::{DataError, Result};

/// What the channels of images are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colors {
    /// One channel of brightness.
    Grey,
    /// Red, green and blue.
    Rgb,
}

impl Colors {
    /// Channels of an image.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// Reads a PNG or JPEG picture as bytes `[channels, height, width]`, resized to that shape.
///
/// * Size: bilinear with antialiasing, rounded to bytes, as [`Images::resized`](super::Images::resized)
///   does; height and width are scaled each on its own.
/// * Colour: of colours grey is made as `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601, as Pillow's
///   `convert("L")`), of grey colours by repeating it. 16 bits a channel are scaled to 8.
/// * An alpha channel is dropped where nothing is transparent.
/// * Pixels come as they are stored; an orientation tag is not followed.
///
/// # Errors
/// A file that cannot be read, that is cut off or no PNG or JPEG; a picture with transparent
/// pixels, which have no colour of their own; channels that are neither 1 nor 3, a side of 0.
pub fn read_image(path: impl AsRef<Path>, shape: [usize; 3]) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let [channels, height, width] = shape;
    let colors = match channels {
        1 => Colors::Grey,
        3 => Colors::Rgb,
        _ => {
            return Err(fault(
                path,
                format!("a picture has 1 channel (grey) or 3 (colour), not {channels}"),
            ));
        }
    };
    if height == 0 || width == 0 {
        return Err(fault(
            path,
            format!("a picture cannot be resized to {height} x {width}"),
        ));
    }
    let picture = Picture::read(path, colors)?;
    Ok(picture.resized(height, width))
}

/// A decoded picture.
pub(super) struct Picture {
    pub height: usize,
    pub width: usize,
    /// `[channels, height, width]`.
    pixels: Vec<u8>,
}

impl Picture {
    pub fn read(path: &Path, colors: Colors) -> Result<Self> {
        let decoded = decode(path)?;
        if decoded.color().has_alpha() && decoded.to_rgba8().pixels().any(|pixel| pixel[3] < 255) {
            return Err(fault(
                path,
                "it has transparent pixels, whose colour depends on what is behind them; flatten \
                 it onto a background"
                    .into(),
            ));
        }
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let pixels = match colors {
            Colors::Rgb => planes(&decoded.into_rgb8()),
            Colors::Grey if decoded.color().has_color() => luma(&decoded.into_rgb8()),
            Colors::Grey => decoded.into_luma8().into_raw(),
        };
        Ok(Self {
            height,
            width,
            pixels,
        })
    }

    pub fn resized(self, height: usize, width: usize) -> Vec<u8> {
        if (self.height, self.width) == (height, width) {
            return self.pixels;
        }
        Resizer::new([self.height, self.width], [height, width]).apply_to_bytes(&self.pixels)
    }
}

fn decode(path: &Path) -> Result<DynamicImage> {
    let bytes = std::fs::read(path).map_err(|source| DataError::File {
        path: path.to_owned(),
        source,
    })?;
    // By what is in it and not by its name: a JPEG that is called .png is read.
    let format = match image::guess_format(&bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        Ok(other) => {
            return Err(fault(
                path,
                format!("it is a file of the format {other:?}; convert it to PNG or JPEG"),
            ));
        }
        Err(_) => {
            return Err(fault(
                path,
                "it starts neither as PNG nor as JPEG; convert it, or copy it again".into(),
            ));
        }
    };
    if format == ImageFormat::Jpeg && is_cut_off(&bytes) {
        return Err(fault(
            path,
            "the JPEG file is cut off; copy it again".into(),
        ));
    }
    let decoded = ImageReader::with_format(Cursor::new(bytes), format).decode();
    let decoded = decoded.map_err(|error| {
        fault(
            path,
            format!("it cannot be decoded: {error}; copy it again"),
        )
    })?;
    if decoded.width() == 0 || decoded.height() == 0 {
        return Err(fault(path, "it has no pixels; copy it again".into()));
    }
    Ok(decoded)
}

/// Whether no end of an image (`FF D9`) follows the last start of a scan (`FF DA`) of a JPEG file;
/// the decoder would fill up what is missing with grey. Neither pair of bytes is ever in the scan
/// itself (ITU-T T.81, B.1.1.2).
fn is_cut_off(jpeg: &[u8]) -> bool {
    let last = |marker: [u8; 2]| jpeg.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xd9]) <= last([0xff, 0xda])
}

/// From pixel after pixel to channel after channel.
fn planes(picture: &image::RgbImage) -> Vec<u8> {
    let channel = |channel: usize| picture.pixels().map(move |pixel| pixel[channel]);
    (0..3).flat_map(channel).collect()
}

/// Brightness in fixed-point numbers of 16 bits, as Pillow rounds it.
fn luma(picture: &image::RgbImage) -> Vec<u8> {
    let brightness = |&image::Rgb([red, green, blue]): &image::Rgb<u8>| {
        let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
        ((sum + 0x8000) >> 16) as u8
    };
    picture.pixels().map(brightness).collect()
}

pub(super) fn fault(path: &Path, problem: String) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        problem,
    }
}
