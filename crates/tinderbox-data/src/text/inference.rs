use std::path::Path;

use crate::{Classes, DataError, Result, read_zip};

/// Pairs of a premise and a hypothesis with their classes: entailment, contradiction, neutral.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferences {
    /// Premise and hypothesis.
    pub pairs: Vec<[String; 2]>,
    /// Their classes, in the order of [`INFERENCE_CLASSES`].
    pub classes: Classes,
}

/// The classes of natural-language inference in the course's order.
pub const INFERENCE_CLASSES: [&str; 3] = ["entailment", "contradiction", "neutral"];

/// The pairs of a part of SNLI (Bowman et al. 2015), `train`, `dev` or `test`, of its archive `snli_1.0.zip`; those
/// without a gold label are left out, as in the course.
///
/// # Errors
/// An archive that cannot be read, a line that is no pair.
pub fn read_snli(path: impl AsRef<Path>, part: &str) -> Result<Inferences> {
    let path = path.as_ref();
    let member = format!("snli_1.0/snli_1.0_{part}.txt");
    let text = String::from_utf8(read_zip(path, &member)?).map_err(|_| DataError::Format {
        path: path.to_owned(),
        problem: format!("{member} is not UTF-8"),
    })?;
    parse_snli(&text, path)
}

/// The pairs of a text in the format of SNLI: a header, then the gold label and the parses of both sentences in the
/// first columns, separated by tabs.
fn parse_snli(text: &str, path: &Path) -> Result<Inferences> {
    let (mut pairs, mut labels) = (Vec::new(), Vec::new());
    for (line, number) in text.lines().zip(1..).skip(1) {
        let mut columns = line.split('\t');
        let (Some(label), Some(first), Some(second)) =
            (columns.next(), columns.next(), columns.next())
        else {
            return Err(DataError::Line {
                path: path.to_owned(),
                line: number,
                problem: "a label and two sentences are expected, separated by tabs".into(),
            });
        };
        // The annotators did not agree where it is a dash.
        if let Some(label) = INFERENCE_CLASSES.iter().position(|name| *name == label) {
            labels.push(label as i32);
            pairs.push([first, second].map(words));
        }
    }
    let names = INFERENCE_CLASSES.map(String::from).to_vec();
    Ok(Inferences {
        pairs,
        classes: Classes::new(labels, names)?,
    })
}

/// The words of a parse, without its brackets.
fn words(parse: &str) -> String {
    let parse = parse.replace(['(', ')'], " ");
    parse.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_become_words_and_pairs_without_a_label_are_left_out() {
        let text = "gold_label\tsentence1_binary_parse\tsentence2_binary_parse\trest\n\
                    neutral\t( ( A person ) ( jumps . ) )\t( A ( person trains ) )\tx\n\
                    -\t( A )\t( B )\tx\n\
                    entailment\t( A dog )\t( An animal )\tx\n";
        let read = parse_snli(text, Path::new("snli.txt")).unwrap();
        assert_eq!(
            read.pairs,
            [
                ["A person jumps .", "A person trains"],
                ["A dog", "An animal"]
            ]
        );
        assert_eq!(read.classes.labels(), [2, 0]);
        let error = parse_snli("header\nneutral\tone\n", Path::new("snli.txt")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("snli.txt, line 2: a label and two sentences"),
            "{error}"
        );
        assert!(read_snli("none.zip", "dev").is_err());
    }
}
