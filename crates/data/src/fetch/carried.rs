//! Files that the program carries in itself: small samples, so that some studies need neither network nor mirror.
//!
//! `datasets/carried/README.md` says what they are, where they are from and under what terms they may be passed on.

/// The bytes of a carried file by its key, `<folder>/<file>`.
pub(crate) fn bytes(key: &str) -> Option<&'static [u8]> {
    CARRIED.iter().find(|(name, _)| *name == key).map(|(_, bytes)| *bytes)
}

macro_rules! carried {
    ($($key:literal),* $(,)?) => {
        &[$(($key, include_bytes!(concat!("../../../../datasets/carried/", $key)))),*]
    };
}

const CARRIED: &[(&str, &[u8])] = carried![
    "mnist-sample/train-images-idx3-ubyte.gz",
    "mnist-sample/train-labels-idx1-ubyte.gz",
    "mnist-sample/t10k-images-idx3-ubyte.gz",
    "mnist-sample/t10k-labels-idx1-ubyte.gz",
    "covertype-sample/covtype-sample.data.gz",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn what_is_carried_is_what_the_catalog_says() {
        let catalog = Catalog::embedded();
        let of_set = |(name, entry): (&str, &crate::CatalogEntry)| {
            let folder = entry.folder.as_deref().unwrap_or(name).to_owned();
            let carried = entry.files.iter().filter(|file| file.carried.is_some());
            carried.map(|file| format!("{folder}/{}", file.name)).collect::<Vec<_>>()
        };
        let listed: Vec<String> = catalog.iter().flat_map(of_set).collect();
        assert_eq!(listed, CARRIED.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        let size: usize = CARRIED.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 1 << 20, "everybody who clones or installs carries {size} bytes");
    }
}
