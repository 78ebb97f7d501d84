//! Columns of free text: what is learned from the training rows, and how a text becomes features.

use polars::prelude::StringChunked;
use serde::{Deserialize, Serialize};

use super::counts::NO_VALUE;
use super::encoder::TextEncoder;
use super::spec::TextSpec;
use super::statistics::Moments;
use super::words;
use crate::{DataError, Result};

/// Texts that are encoded at once.
const TOGETHER: usize = 1024;

/// How the texts of a column become numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum TextCoding {
    /// Hashed words (Weinberger et al. 2009) with the weights of Salton and Buckley (1988).
    TfIdf {
        /// The longest run of words.
        ngrams: usize,
        /// For each bucket its weight; 0 for one without a feature.
        idf: Vec<f64>,
    },
    /// The vectors of an encoder, standardized.
    Vectors {
        encoder: String,
        digest: String,
        shift: Vec<f64>,
        scale: Vec<f64>,
    },
}

impl TextCoding {
    /// Number of features.
    pub fn width(&self) -> usize {
        match self {
            Self::TfIdf { idf, .. } => idf.iter().filter(|weight| **weight > 0.0).count(),
            Self::Vectors { shift, .. } => shift.len(),
        }
    }

    /// The names of the features.
    pub fn names<'a>(&'a self, column: &'a str) -> Box<dyn Iterator<Item = String> + 'a> {
        match self {
            Self::TfIdf { idf, .. } => {
                let kept = idf.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
                Box::new(kept.map(move |(bucket, _)| format!("{column}_words_{bucket}")))
            }
            Self::Vectors { shift, .. } => {
                Box::new((0..shift.len()).map(move |place| format!("{column}_vector_{place}")))
            }
        }
    }

    /// What is impossible in a file.
    pub fn check(&self) -> Result<(), String> {
        let fine = match self {
            Self::TfIdf { ngrams, idf } => {
                let fine = |weight: &f64| weight.is_finite() && *weight >= 0.0;
                *ngrams > 0 && !idf.is_empty() && idf.iter().all(fine)
            }
            Self::Vectors { shift, scale, .. } => {
                shift.len() == scale.len()
                    && shift.iter().all(|shift| shift.is_finite())
                    && scale.iter().all(|scale| scale.is_finite() && *scale > 0.0)
            }
        };
        match fine {
            true => Ok(()),
            false => Err("impossible weights of words".to_owned()),
        }
    }
}

/// Writes the weights of the words of a text: `(1 + ln count) idf` for each bucket, scaled to a row of length 1.
pub(super) fn write_words(
    text: &str,
    ngrams: usize,
    idf: &[f64],
    counts: &mut Vec<f64>,
    out: &mut [f32],
) {
    counts.clear();
    counts.resize(idf.len(), 0.0);
    words::buckets(text, idf.len(), ngrams, |bucket| counts[bucket] += 1.0);
    let mut squares = 0.0;
    for (count, idf) in counts.iter_mut().zip(idf) {
        *count = match *count > 0.0 {
            true => (1.0 + count.ln()) * idf,
            false => 0.0,
        };
        squares += *count * *count;
    }
    let length = if squares > 0.0 { squares.sqrt() } else { 1.0 };
    let kept = counts.iter().zip(idf).filter(|(_, idf)| **idf > 0.0);
    for (out, (weight, _)) in out.iter_mut().zip(kept) {
        *out = (weight / length) as f32;
    }
}

/// The vectors of a column of texts, one after the other; a missing text is an empty one.
pub(super) fn vectors(
    texts: &StringChunked,
    encoder: &dyn TextEncoder,
    first_row: usize,
) -> Result<Vec<f32>> {
    let all: Vec<&str> = texts.iter().map(Option::unwrap_or_default).collect();
    let mut vectors = Vec::with_capacity(all.len() * encoder.width());
    for (part, texts_of_part) in all.chunks(TOGETHER).enumerate() {
        let problem = |problem: String| DataError::Value {
            column: texts.name().to_string(),
            row: first_row + part * TOGETHER,
            problem: format!("{problem} (one of {} texts from here)", texts_of_part.len()),
        };
        let found = encoder.encode(texts_of_part).map_err(problem)?;
        if found.len() != texts_of_part.len() * encoder.width() {
            return Err(problem(format!(
                "the encoder returned {} numbers, not {} for each text",
                found.len(),
                encoder.width()
            )));
        }
        vectors.extend(found);
    }
    Ok(vectors)
}

/// Collects what is learned from the texts of the training rows.
pub(super) struct TextObserver {
    pub missing: bool,
    present: usize,
    rows: u64,
    /// For each bucket the number of rows that have it.
    rows_with: Vec<u64>,
    /// The last row that had the bucket.
    last: Vec<u64>,
    vectors: Option<Vec<Moments>>,
}

impl TextObserver {
    pub fn new(spec: &TextSpec, encoder: Option<&dyn TextEncoder>) -> Self {
        let width = if encoder.is_some() { 0 } else { spec.width };
        Self {
            missing: false,
            present: 0,
            rows: 0,
            rows_with: vec![0; width],
            last: vec![u64::MAX; width],
            vectors: encoder.map(|encoder| vec![Moments::default(); encoder.width()]),
        }
    }

    pub fn add(
        &mut self,
        texts: &StringChunked,
        spec: &TextSpec,
        encoder: Option<&dyn TextEncoder>,
        first_row: usize,
    ) -> Result<()> {
        for text in texts.iter() {
            match text {
                Some(text) if encoder.is_none() => {
                    let row = self.rows;
                    words::buckets(text, spec.width, spec.ngrams, |bucket| {
                        if self.last[bucket] != row {
                            self.last[bucket] = row;
                            self.rows_with[bucket] += 1;
                        }
                    });
                    self.present += 1;
                }
                Some(_) => self.present += 1,
                None => self.missing = true,
            }
            self.rows += 1;
        }
        if let (Some(moments), Some(encoder)) = (&mut self.vectors, encoder) {
            let vectors = vectors(texts, encoder, first_row)?;
            for vector in vectors.chunks(encoder.width().max(1)) {
                for (moments, value) in moments.iter_mut().zip(vector) {
                    moments.add(f64::from(*value));
                }
            }
        }
        Ok(())
    }

    /// The fitted coding, or the reason why the column is left out.
    pub fn finish(
        self,
        spec: &TextSpec,
        encoder: Option<&dyn TextEncoder>,
    ) -> Result<TextCoding, String> {
        if self.present == 0 {
            return Err(NO_VALUE.to_owned());
        }
        if let (Some(moments), Some(encoder)) = (self.vectors, encoder) {
            let deviation = |moments: &Moments| match moments.deviation() {
                deviation if deviation > 0.0 => deviation,
                _ => 1.0,
            };
            return Ok(TextCoding::Vectors {
                encoder: encoder.name().to_owned(),
                digest: encoder.digest().to_owned(),
                shift: moments.iter().map(|moments| moments.mean).collect(),
                scale: moments.iter().map(deviation).collect(),
            });
        }
        let least = (spec.min_rows as u64).max(1);
        let rows = self.rows as f64;
        let weight = |&rows_with: &u64| match rows_with >= least {
            true => ((1.0 + rows) / (1.0 + rows_with as f64)).ln() + 1.0,
            false => 0.0,
        };
        let idf: Vec<f64> = self.rows_with.iter().map(weight).collect();
        if idf.iter().all(|weight| *weight == 0.0) {
            return Err(format!("no word of it is in {least} training rows"));
        }
        Ok(TextCoding::TfIdf {
            ngrams: spec.ngrams,
            idf,
        })
    }
}
