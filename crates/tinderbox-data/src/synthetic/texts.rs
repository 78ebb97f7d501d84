use tinderbox_core::{Rng, Seed};

use crate::text::{INFERENCE_CLASSES, Inferences, Reviews};
use crate::{Classes, Result};

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.below(words.len() as u64) as usize]
}

/// Reviews of one or three sentences about a film, `the plot was not very good .`: the majority decides, and `not` turns
/// a sentence around. A program that trains a classifier of texts can be tried with them.
///
/// # Errors
/// None; the result is that of [`Classes::new`].
pub fn reviews(count: usize, seed: Seed) -> Result<Reviews> {
    const NOUNS: [&str; 8] = [
        "film", "plot", "acting", "music", "cast", "ending", "script", "camera",
    ];
    const ADJECTIVES: [[&str; 5]; 2] = [
        ["bad", "dull", "poor", "weak", "awful"],
        ["good", "great", "fine", "superb", "lovely"],
    ];
    let mut rng = seed.rng();
    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let sentences = 1 + 2 * rng.below(2);
        let mut positive = 0;
        let mut text = Vec::new();
        for _ in 0..sentences {
            let good = rng.below(2);
            let turned = rng.below(4) == 0;
            positive += u64::from((good == 1) != turned);
            text.extend([
                "the",
                pick(&mut rng, &NOUNS),
                pick(&mut rng, &["was", "is", "seemed"]),
            ]);
            text.extend(turned.then_some("not"));
            text.extend((rng.below(3) == 0).then(|| pick(&mut rng, &["very", "really", "so"])));
            text.extend([pick(&mut rng, &ADJECTIVES[good as usize]), "."]);
        }
        texts.push(text.join(" "));
        labels.push(i32::from(2 * positive > sentences));
    }
    let names = ["neg", "pos"].map(String::from).to_vec();
    Ok(Reviews {
        texts,
        classes: Classes::new(labels, names)?,
    })
}

/// Premises and hypotheses about people and animals, in the classes of SNLI: the hypothesis says less in other words
/// (entailment), another place (contradiction), or something that the premise does not say (neutral).
///
/// # Errors
/// None; the result is that of [`Classes::new`].
pub fn inferences(count: usize, seed: Seed) -> Result<Inferences> {
    const WHO: [[&str; 2]; 6] = [
        ["dog", "animal"],
        ["cat", "animal"],
        ["horse", "animal"],
        ["woman", "person"],
        ["boy", "person"],
        ["doctor", "person"],
    ];
    const DOES: [&str; 6] = ["sleeps", "runs", "waits", "eats", "plays", "sits"];
    const WHERE: [&str; 6] = ["garden", "house", "street", "park", "field", "station"];
    let mut rng = seed.rng();
    let (mut pairs, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let [who, kind] = WHO[rng.below(6) as usize];
        let (does, place) = (pick(&mut rng, &DOES), rng.below(6) as usize);
        let color = pick(&mut rng, &["young", "old", "small", "tall"]);
        let premise = format!("a {color} {who} {does} in the {}", WHERE[place]);
        let label = rng.below(3);
        let subject = pick(&mut rng, &[who, kind]);
        let hypothesis = match INFERENCE_CLASSES[label as usize] {
            "entailment" => format!("a {subject} {does} in the {}", WHERE[place]),
            "contradiction" => {
                let other = (place + 1 + rng.below(5) as usize) % 6;
                format!("a {subject} {does} in the {}", WHERE[other])
            }
            _ => {
                let friend = pick(&mut rng, &["friend", "ball", "bird", "child"]);
                format!("a {subject} {does} with a {friend}")
            }
        };
        pairs.push([premise, hypothesis]);
        labels.push(label as i32);
    }
    let names = INFERENCE_CLASSES.map(String::from).to_vec();
    Ok(Inferences {
        pairs,
        classes: Classes::new(labels, names)?,
    })
}
