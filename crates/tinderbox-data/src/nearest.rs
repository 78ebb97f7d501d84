use tinderbox_core::nearest;

use crate::DataError;

/// Names that an error lists.
const LISTED: usize = 5;

/// The error for a name that is not among `names`, with the nearest of them.
pub(crate) fn unknown<'a>(
    kind: &'static str,
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> DataError {
    let all: Vec<&str> = names.into_iter().collect();
    let mut near = nearest(name, all.iter().copied(), LISTED);
    if near.is_empty() && all.len() <= LISTED {
        // There are only a few to choose from.
        near.clone_from(&all);
    }
    DataError::Unknown {
        kind,
        name: name.to_owned(),
        nearest: near.into_iter().map(str::to_owned).collect(),
        among: all.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_few_names_are_listed() {
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
        let far = unknown("column", "zzz", names).to_string();
        assert!(far.contains("6 others"), "{far}");
        let few = unknown("column", "zzz", ["area", "price"]).to_string();
        assert!(few.contains("one of area, price"), "{few}");
    }
}
