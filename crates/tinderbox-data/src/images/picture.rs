//! Image files: decoding, orientation, transparency, channels.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use serde::{Deserialize, Serialize};

use super::Resizer;
use crate::{DataError, Result};

/// The channels of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colors {
    /// One channel of brightness.
    Gray,
    /// Red, green and blue.
    Rgb,
}

impl Colors {
    /// Channels of an image.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
        }
    }
}

/// The default color behind transparent pixels: white.
pub const WHITE: [u8; 3] = [255; 3];

/// Extensions of image files that are read.
pub(super) const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"];

/// More extensions of image files: other names of those formats, and formats that must be converted first, so
/// that such files are an error and not ignored.
pub(super) const OTHER_ENDINGS: [&str; 7] = ["jpe", "jfif", "dib", "heic", "heif", "avif", "jxl"];

/// Reads an image (PNG, JPEG, WebP, BMP, GIF or TIFF) as bytes `[channels, height, width]`, resized to
/// that shape; transparent pixels are blended with white.
///
/// * Format: that of the content, not of the name. Of an animation the first frame is read.
/// * Size: bilinear with antialiasing, rounded to bytes, as [`Images::resized`](super::Images::resized)
///   does; height and width are scaled independently.
/// * Color: gray is `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601, as Pillow's `convert("L")`); a gray image
///   becomes RGB by repeating the channel. 16 bits per channel are scaled to 8.
/// * Orientation: the EXIF orientation is applied (as by Pillow's `exif_transpose`).
///
/// # Errors
/// A file that cannot be read, that is cut off or has another format; colors as floating-point numbers;
/// an image of more than 512 MiB; channels that are neither 1 nor 3,
/// a side of 0.
pub fn read_image(path: impl AsRef<Path>, shape: [usize; 3]) -> Result<Vec<u8>> {
    read_image_on(path, shape, WHITE)
}

/// Like [`read_image`], with another color (red, green, blue) behind transparent pixels.
///
/// # Errors
/// Those of [`read_image`].
pub fn read_image_on(
    path: impl AsRef<Path>,
    shape: [usize; 3],
    background: [u8; 3],
) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let [channels, height, width] = shape;
    let colors = match channels {
        1 => Colors::Gray,
        3 => Colors::Rgb,
        _ => {
            return Err(fault(
                path,
                format!("an image has 1 channel (gray) or 3 (color), not {channels}"),
            ));
        }
    };
    if height == 0 || width == 0 {
        return Err(fault(
            path,
            format!("an image cannot be resized to {height} x {width}"),
        ));
    }
    let picture = Picture::read(path, colors, background)?;
    Ok(picture.resized(height, width))
}

/// A decoded image.
pub(super) struct Picture {
    pub height: usize,
    pub width: usize,
    /// Whether it had transparent pixels.
    pub transparent: bool,
    /// `[channels, height, width]`.
    pixels: Vec<u8>,
}

impl Picture {
    pub fn read(path: &Path, colors: Colors, background: [u8; 3]) -> Result<Self> {
        let mut decoded = decode(path)?;
        let mut transparent = false;
        if decoded.color().has_alpha() {
            let picture = decoded.to_rgba8();
            transparent = picture.pixels().any(|pixel| pixel[3] < 255);
            if transparent {
                decoded = blended(&picture, background).into();
            }
        }
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let pixels = match colors {
            Colors::Rgb => planes(&decoded.into_rgb8()),
            Colors::Gray if decoded.color().has_color() => luma(&decoded.into_rgb8()),
            Colors::Gray => decoded.into_luma8().into_raw(),
        };
        Ok(Self {
            height,
            width,
            transparent,
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
    // By the content: a JPEG with the extension .png is read.
    let known = match image::guess_format(&bytes) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::WebP
            | ImageFormat::Bmp
            | ImageFormat::Gif
            | ImageFormat::Tiff),
        ) => Ok(format),
        Ok(other) => Err(format!("it is a file of the format {other:?}")),
        Err(_) => Err("its first bytes are not those of an image format that is read".into()),
    };
    let format = known.map_err(|problem| {
        fault(
            path,
            format!(
                "{problem}; PNG, JPEG, WebP, BMP, GIF and TIFF are read: convert it, or copy it again"
            ),
        )
    })?;
    if format == ImageFormat::Jpeg && is_cut_off(&bytes) {
        return Err(fault(
            path,
            "the JPEG file is cut off; copy it again".into(),
        ));
    }
    let decoded = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .and_then(|mut decoder| {
            // If the orientation cannot be read, the image is read without it.
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            // A small file may declare an image that does not fit into memory.
            Limits::default().reserve(decoder.total_bytes())?;
            let mut picture = DynamicImage::from_decoder(decoder)?;
            picture.apply_orientation(orientation);
            Ok(picture)
        });
    let decoded = decoded.map_err(|error| {
        fault(
            path,
            format!("it cannot be decoded: {error}; copy it again"),
        )
    })?;
    if matches!(
        decoded,
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)
    ) {
        let problem =
            "its colors are floating-point numbers of unknown range; convert it to 8 or 16 bits";
        return Err(fault(path, problem.into()));
    }
    if decoded.width() == 0 || decoded.height() == 0 {
        return Err(fault(path, "it has no pixels; copy it again".into()));
    }
    Ok(decoded)
}

/// Whether a JPEG file ends before its end-of-image marker (`FF D9`; ITU-T T.81, B.1.1); the decoder would
/// fill the missing part with gray. Bytes after the marker do not belong to the image: cameras write
/// previews and other data there.
fn is_cut_off(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while at + 1 < jpeg.len() {
        let [mark, code] = [jpeg[at], jpeg[at + 1]];
        // The data of a scan: a byte FF in it is followed by 0 or by the number of a restart.
        if mark != 0xff || matches!(code, 0 | 0xff | 0xd0..=0xd7) {
            at += 1;
            continue;
        }
        match code {
            0xd9 => return false,
            // Markers without a segment.
            0x01 | 0xd8 => at += 2,
            _ => match jpeg.get(at + 2..at + 4) {
                Some(&[high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return true,
            },
        }
    }
    true
}

/// The image blended with a background of one color.
fn blended(picture: &image::RgbaImage, background: [u8; 3]) -> image::RgbImage {
    image::RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let pixel = picture.get_pixel(x, y);
        let opacity = u32::from(pixel[3]);
        let mixed = |channel: usize| {
            let (front, back) = (u32::from(pixel[channel]), u32::from(background[channel]));
            ((front * opacity + back * (255 - opacity) + 127) / 255) as u8
        };
        image::Rgb([mixed(0), mixed(1), mixed(2)])
    })
}

/// From interleaved channels to one plane for each channel.
fn planes(picture: &image::RgbImage) -> Vec<u8> {
    let channel = |channel: usize| picture.pixels().map(move |pixel| pixel[channel]);
    (0..3).flat_map(channel).collect()
}

/// Brightness in 16-bit fixed-point numbers, rounded as in Pillow.
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
