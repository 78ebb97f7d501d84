use crate::DataError;

/// The error for a name that is not among `names`, with the nearest of them.
pub(crate) fn unknown<'a>(
    kind: &'static str,
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> DataError {
    let mut all: Vec<(usize, &str)> = names
        .into_iter()
        .map(|other| (distance(&name.to_lowercase(), &other.to_lowercase()), other))
        .collect();
    let among = all.len();
    all.sort();
    // Names that share hardly a letter are no help, unless there are only a few to choose from.
    let near = name.chars().count() / 2 + 1;
    let nearest = all
        .into_iter()
        .filter(|(distance, _)| *distance <= near || among <= 5)
        .take(5)
        .map(|(_, other)| other.to_owned())
        .collect();
    DataError::Unknown {
        kind,
        name: name.to_owned(),
        nearest,
        among,
    }
}

/// Edit distance (Levenshtein 1966), where adding letters at the end is cheap.
fn distance(a: &str, b: &str) -> usize {
    if !a.is_empty() && (b.starts_with(a) || a.starts_with(b)) {
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
    fn the_nearest_names_come_first() {
        let names = [
            "LotArea",
            "SalePrice",
            "SaleType",
            "Street",
            "YrSold",
            "Alley",
        ];
        let text = unknown("column", "saleprise", names).to_string();
        assert_eq!(
            text,
            "there is no column \"saleprise\"; did you mean one of SalePrice, SaleType?"
        );
        assert_eq!(distance("kitten", "sitting"), 3);
        let far = unknown("column", "zzz", names).to_string();
        assert!(far.contains("6 others"), "{far}");
    }
}
