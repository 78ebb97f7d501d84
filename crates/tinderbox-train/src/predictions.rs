use tinderbox_data::images::Images;
use tinderbox_plot::{Image, image_grid};

use crate::{Result, TrainError};

/// Width and height of an image, in px.
const CELL: u32 = 88;

/// Images with their true class and, below it, the predicted class, as SVG; wrong predictions are
/// framed.
///
/// The first images of `images` are shown, as they are stored, one for each of `predicted`, in
/// rows of `columns`.
///
/// # Errors
/// More predictions than images, or none; a predicted class without a name; images that are neither
/// grayscale (1 channel) nor RGB (3).
pub fn prediction_grid(
    title: &str,
    images: &Images,
    predicted: &[usize],
    columns: usize,
) -> Result<String> {
    let fault = |field, value: String, rule| Err(TrainError::Config { field, value, rule });
    if predicted.len() > images.len() {
        let value = format!("{} predictions of {} images", predicted.len(), images.len());
        return fault("prediction grid", value, "one prediction per image");
    }
    let [channels, height, width] = images.stored_shape();
    if channels != 1 && channels != 3 {
        let rule = "only grayscale images (1) and RGB images (3) can be shown";
        return fault("channels of the images", channels.to_string(), rule);
    }
    let classes = images.classes();
    let mut pictures = Vec::with_capacity(predicted.len());
    for (index, &guess) in predicted.iter().enumerate() {
        let truth = classes.labels()[index] as usize;
        let Some(taken_for) = classes.names().get(guess) else {
            let rule = "a predicted class must be one of those of the images";
            return fault("prediction", guess.to_string(), rule);
        };
        let name = format!("{}\n{taken_for}", classes.names()[truth]);
        let size = (width as u32, height as u32);
        let pixels = images.pixels(index);
        let picture = if channels == 1 {
            Image::gray(name, size, pixels.to_vec())?
        } else {
            let plane = height * width;
            let mixed = (0..3 * plane).map(|at| pixels[at % 3 * plane + at / 3]);
            Image::rgb(name, size, mixed.collect())?
        };
        pictures.push(if guess == truth {
            picture
        } else {
            picture.framed()
        });
    }
    Ok(image_grid(title, &pictures, columns, CELL)?)
}

#[cfg(test)]
mod tests {
    use tinderbox_data::Classes;

    use super::*;

    fn images(channels: usize) -> Images {
        let names = ["cat", "dog"].map(String::from).to_vec();
        let classes = Classes::new(vec![0, 1, 1], names).unwrap();
        // Three images of 2 x 2; the planes of a colour image follow each other.
        let pixels = (0..3 * 4 * channels as u8).collect();
        Images::new(pixels, [channels, 2, 2], classes).unwrap()
    }

    #[test]
    fn wrong_ones_are_framed_and_both_names_are_there() {
        for channels in [1, 3] {
            let svg = prediction_grid("Animals", &images(channels), &[0, 0, 1], 2).unwrap();
            assert_eq!(svg.matches("<image").count(), 3);
            assert_eq!(svg.matches("data-framed").count(), 1);
            // cat as cat, dog as cat, dog as dog.
            let count = |text| {
                svg.split(['>', '<'])
                    .filter(|part| part.trim() == text)
                    .count()
            };
            assert_eq!((count("cat"), count("dog")), (3, 3), "{svg}");
        }
    }

    #[test]
    fn colours_are_put_side_by_side() {
        let svg = prediction_grid("", &images(3), &[0], 1).unwrap();
        // The bytes of a row of the PNG: filter 0, then red, green, blue of each pixel.
        let picture = Image::rgb("", (2, 2), vec![0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]).unwrap();
        let expected = image_grid("", &[picture], 1, CELL).unwrap();
        let embedded = |svg: &str| {
            let start = svg.find("base64,").unwrap();
            svg[start..].split('"').next().unwrap().to_owned()
        };
        assert_eq!(embedded(&svg), embedded(&expected));
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let grid = |channels, predicted: &[usize]| {
            let svg = prediction_grid("", &images(channels), predicted, 2);
            svg.unwrap_err().to_string()
        };
        assert!(grid(1, &[0; 4]).contains("4 predictions of 3 images"));
        assert!(grid(1, &[2]).contains("prediction = 2"));
        assert!(grid(2, &[0]).contains("channels of the images = 2"));
        assert!(grid(1, &[]).contains("nothing to draw"));
    }
}
