//! Resizing of images.

/// Resizes images by bilinear interpolation with antialiasing, as PyTorch does
/// (`interpolate(mode="bilinear", antialias=True, align_corners=False)`).
///
/// When an image is made smaller, the triangle filter covers all input pixels of an output pixel, so that no
/// line of the image is skipped.
#[derive(Clone, Debug)]
pub struct Resizer {
    rows: Axis,
    columns: Axis,
}

/// For each output pixel the first input pixel and the weights from there on.
#[derive(Clone, Debug)]
struct Axis {
    input: usize,
    weights: Vec<(usize, Vec<f32>)>,
}

impl Axis {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let width = scale.max(1.0);
        let weights = (0..output)
            .map(|pixel| {
                let center = scale * (pixel as f64 + 0.5);
                let first = (center - width + 0.5).max(0.0) as usize;
                let last = ((center + width + 0.5) as usize).min(input);
                let raw: Vec<f64> = (first..last)
                    .map(|at| (1.0 - ((at as f64 + 0.5 - center) / width).abs()).max(0.0))
                    .collect();
                let sum: f64 = raw.iter().sum();
                (
                    first,
                    raw.iter().map(|weight| (weight / sum) as f32).collect(),
                )
            })
            .collect();
        Self { input, weights }
    }

    fn output(&self) -> usize {
        self.weights.len()
    }
}

impl Resizer {
    /// From `[height, width]` to `[height, width]`; no side may be 0.
    pub(crate) fn new(from: [usize; 2], to: [usize; 2]) -> Self {
        Self {
            rows: Axis::new(from[0], to[0]),
            columns: Axis::new(from[1], to[1]),
        }
    }

    /// Resizes every channel of an image of shape `[channels, height, width]` and appends the result
    /// to `output`. `row` is a buffer for a line, which is reused for the next image.
    pub(crate) fn apply(&self, image: &[f32], row: &mut Vec<f32>, output: &mut Vec<f32>) {
        let width = self.columns.input;
        let plane = self.rows.input * width;
        output.reserve(image.len() / plane * self.rows.output() * self.columns.output());
        row.resize(width, 0.0);
        for channel in image.chunks_exact(plane) {
            // Whole rows are summed first, which the compiler vectorizes.
            for (first, weights) in &self.rows.weights {
                row.fill(0.0);
                for (line, &weight) in channel.chunks_exact(width).skip(*first).zip(weights) {
                    for (sum, &pixel) in row.iter_mut().zip(line) {
                        *sum += weight * pixel;
                    }
                }
                output.extend(self.columns.weights.iter().map(|(first, weights)| {
                    let pixels = row[*first..].iter().zip(weights);
                    pixels.map(|(&pixel, &weight)| pixel * weight).sum::<f32>()
                }));
            }
        }
    }

    /// Resizes bytes, and rounds the result to bytes.
    pub(crate) fn apply_to_bytes(&self, image: &[u8]) -> Vec<u8> {
        let image: Vec<f32> = image.iter().map(|&byte| byte.into()).collect();
        let mut resized = Vec::new();
        self.apply(&image, &mut Vec::new(), &mut resized);
        let rounded = resized
            .iter()
            .map(|pixel| (pixel + 0.5).clamp(0.0, 255.0) as u8);
        rounded.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern without symmetry, 5 rows of 7.
    fn pattern() -> Vec<f32> {
        let pixel =
            |r: u32, c: u32| ((37 * r * r + 11 * c * c * c + 5 * r * c) % 256) as f32 / 255.0;
        (0..5)
            .flat_map(|r| (0..7).map(move |c| pixel(r, c)))
            .collect()
    }

    fn resize(image: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
        let (mut row, mut output) = (Vec::new(), Vec::new());
        Resizer::new(from, to).apply(image, &mut row, &mut output);
        output
    }

    /// From `torch.nn.functional.interpolate` (torch 2.x) of the same pattern.
    #[test]
    fn the_same_as_pytorch() {
        let cases: [([usize; 2], &[f32]); 3] = [
            (
                [3, 4],
                &[
                    0.101507, 0.312762, 0.606185, 0.451621, 0.45069, 0.446431, 0.568993, 0.411599,
                    0.380285, 0.68744, 0.457479, 0.44143,
                ],
            ),
            ([2, 2], &[0.338557, 0.503528, 0.50968, 0.495137]),
            (
                [5, 3],
                &[
                    0.092437, 0.34902, 0.421849, 0.254342, 0.552941, 0.667787, 0.491317, 0.515571,
                    0.2, 0.444818, 0.591234, 0.811204, 0.473389, 0.602768, 0.135014,
                ],
            ),
        ];
        for (size, expected) in cases {
            let resized = resize(&pattern(), [5, 7], size);
            assert_eq!(resized.len(), expected.len());
            for (ours, theirs) in resized.iter().zip(expected) {
                assert!((ours - theirs).abs() < 1e-5, "{size:?}: {ours} {theirs}");
            }
        }
        let larger = resize(&pattern(), [5, 7], [10, 9]);
        let expected = [
            0.0, 0.028758, 0.177342, 0.304139, 0.160784, 0.621351, 0.541612, 0.342484,
        ];
        for (ours, theirs) in larger.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
        let last = [
            0.313726, 0.394771, 0.604357, 0.792157, 0.709804, 0.450545, 0.208715, 0.070588,
            0.062745,
        ];
        for (ours, theirs) in larger[81..].iter().zip(last) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }

    #[test]
    fn channels_are_resized_one_by_one_and_a_flat_image_stays_flat() {
        let mut two = pattern();
        two.extend(vec![0.25; 35]);
        let resized = resize(&two, [5, 7], [4, 4]);
        assert_eq!(resized[..16], resize(&pattern(), [5, 7], [4, 4]));
        assert!(
            resized[16..]
                .iter()
                .all(|pixel| (pixel - 0.25).abs() < 1e-6)
        );
    }
}
