/// The names with the most similar spelling to `name`, best first and at most `max`, for the
/// suggestion in an error about an unknown name.
///
/// Case does not matter. Names that differ in most letters are left out.
pub fn nearest<'a>(
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
    max: usize,
) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let near = name.chars().count() / 2 + 1;
    let mut all: Vec<(usize, &str)> = names
        .into_iter()
        .map(|other| (distance(&name, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= near)
        .collect();
    all.sort();
    all.into_iter().take(max).map(|(_, other)| other).collect()
}

/// Edit distance (Levenshtein 1966), where a missing end counts as one edit.
fn distance(a: &str, b: &str) -> usize {
    if !a.is_empty() && !b.is_empty() && a != b && (b.starts_with(a) || a.starts_with(b)) {
        return 1;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let best = (corner + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, edits) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("adam", "adam", 0),
            ("adam", "adamw", 1),
            ("sale", "saleprice", 1),
        ] {
            assert_eq!(distance(a, b), edits);
            assert_eq!(distance(b, a), edits);
        }
    }

    #[test]
    fn the_nearest_names_come_first_and_distant_ones_are_left_out() {
        let names = ["LotArea", "SalePrice", "SaleType", "Street", "YrSold"];
        assert_eq!(nearest("saleprise", names, 5), ["SalePrice", "SaleType"]);
        assert_eq!(nearest("saleprise", names, 1), ["SalePrice"]);
        assert!(nearest("zzz", names, 5).is_empty());
        assert_eq!(nearest("AdaGard", ["adagrad", "adam"], 1), ["adagrad"]);
    }
}
