//! Everything that reads a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use mtl_core::Target;
use mtl_data::Catalog;
use mtl_data::format::{Format, Shape, csv, text, tsv};
use mtl_data::long_csv::{self, LongCsvOptions};
use mtl_experiments::{Paper, Profile};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Makes a container of bytes.
pub type Wrap = fn(&[u8], &mut ChaCha8Rng) -> Vec<u8>;

/// Something that reads a file.
pub struct Reader {
    /// Name of its folder in the corpus.
    pub name: &'static str,
    /// Reads a file; the error is what a user would see.
    pub read: fn(&Path) -> Result<(), String>,
    /// What means something to it.
    pub words: &'static [&'static str],
    /// Puts bytes into a container that random changes would not leave whole.
    pub wrap: Option<Wrap>,
    /// Bytes of memory that it may take for a byte of the file.
    pub memory: usize,
    /// Bytes that its errors may have: a screen, or more where they list the valid names of a file.
    pub error: usize,
}

const SCREEN: usize = 2000;

/// All of them.
pub const READERS: &[Reader] = &[
    Reader { name: "csv", read: read_csv, words: SEPARATED, wrap: None, memory: 256, error: SCREEN },
    Reader { name: "long_csv", read: read_long_csv, words: SEPARATED, wrap: None, memory: 512, error: SCREEN },
    Reader {
        name: "arff",
        read: |path| read(&Format::Arff, path),
        words: &[
            "@relation r\n",
            "@attribute ",
            "@ATTRIBUTE 'a b' real\n",
            "@data\n",
            "numeric\n",
            "integer",
            "string",
            "%",
            "'",
            "\"",
            "\\",
            "{0 1}",
            "{a,b}",
            "?",
            ",",
            "\n",
            "\u{feff}",
            "date \"yyyy\"",
        ],
        wrap: None,
        memory: 256,
        error: SCREEN,
    },
    Reader { name: "npy", read: |path| read(&Format::Npy, path), words: NUMPY, wrap: None, memory: 256, error: SCREEN },
    Reader {
        name: "idx",
        read: |path| read(&Format::Idx, path),
        words: &["\0\0\u{8}\u{1}", "\0\0\u{8}\u{3}", "\0\0\0\u{1}", "\u{1f}"],
        wrap: Some(|bytes, _| gzip(bytes)),
        memory: 256,
        error: SCREEN,
    },
    Reader {
        name: "text",
        read: |path| {
            let commas = read(&Format::Text(text::Between::Commas), path);
            commas.or_else(|_| read(&Format::Text(text::Between::Blanks), path))
        },
        words: SEPARATED,
        wrap: Some(|bytes, _| gzip(bytes)),
        memory: 256,
        error: SCREEN,
    },
    Reader {
        name: "tsv",
        read: read_tsv,
        words: TABBED,
        wrap: Some(|bytes, _| gzip(bytes)),
        memory: 256,
        error: SCREEN,
    },
    Reader {
        name: "mat",
        read: read_mat,
        words: &[
            "\u{e}\0\0\0",
            "\u{f}\0\0\0",
            "\u{6}\0\0\0\u{8}\0\0\0",
            "\u{5}\0\0\0\u{8}\0\0\0",
            "\u{1}\0\u{1}\0x\0\0\0",
            "\u{1}\0\0\0",
            "\u{9}\0\0\0",
            "\u{2}\0\u{4}\0",
            "IM",
            "MI",
            "x",
            "\0\0\0\0\0\0\0\0",
        ],
        wrap: Some(compressed),
        memory: 256,
        error: SCREEN,
    },
    Reader {
        name: "zip",
        read: |path| read(&Format::ZipText(vec!["x".into(), "../y".into()]), path),
        words: &["PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "x", "../y", "1 2 3\n", " ", "\n"],
        wrap: Some(archived),
        memory: 256,
        error: SCREEN,
    },
    Reader { name: "yaml", read: read_paper, words: YAML, wrap: None, memory: 2048, error: 1 << 18 },
];

/// The table that every file of the corpus should hold.
const SHAPE: Shape = Shape { rows: 4, columns: 3 };

fn read(format: &Format, path: &Path) -> Result<(), String> {
    format.read(path, SHAPE).map(drop).map_err(|e| e.to_string())
}

const SEPARATED: &[&str] =
    &[",", ";", "\t", "\n", "\r", "\r\n", "\"", "\"\"", "\u{feff}", "a", "b", "task", "score", "1", "0,1", " ", "\0"];

fn read_csv(path: &Path) -> Result<(), String> {
    read(&Format::CsvSemicolon, path).or_else(|_| read(&Format::CsvNamed, path)).ok();
    csv::read(path, csv::Dialect::Comma, &["a"]).map(drop).map_err(|e| e.to_string())
}

fn read_long_csv(path: &Path) -> Result<(), String> {
    let options =
        |target_kind, features| LongCsvOptions { task: "task".into(), target: "score".into(), target_kind, features };
    let features = vec!["a".into(), "b".into()];
    let column = long_csv::TargetColumn::IfUsable("score".into());
    long_csv::samples(path, "task", &features, &column, Target::Binary).ok();
    long_csv::read(path, &options(Target::Binary, Some(features))).ok();
    long_csv::read(path, &options(Target::Regression, None)).map(drop).map_err(|e| e.to_string())
}

const NUMPY: &[&str] = &[
    "NUMPY",
    "'descr':",
    "'shape':",
    "'fortran_order':",
    "'<f8'",
    "'<f4'",
    "'|u1'",
    "'<i8'",
    "'>f8'",
    "'|O'",
    "False",
    "True",
    "(",
    ")",
    "(4, 3)",
    "(12,)",
    "{",
    "}",
    ",",
    "\n",
];

const TABBED: &[&str] = &["\t", "\n", "#", "task", "y", "seq", "counts", "skip", "a", "b", "ACGT", "0:1 3:2", ":", " "];

fn read_tsv(path: &Path) -> Result<(), String> {
    use tsv::Kind;
    let kinds = [
        ("task", Kind::Words(vec!["a".into(), "b".into()])),
        ("skip", Kind::Skip),
        ("y", Kind::Number),
        ("seq", Kind::Bases(3)),
        ("counts", Kind::Counts(400)),
    ];
    let columns = kinds.into_iter().map(|(name, kind)| (name.into(), kind)).collect();
    let shape = Shape { rows: 4, columns: 405 };
    Format::Tsv(columns).read(path, shape).map(drop).map_err(|e| e.to_string())
}

fn read_mat(path: &Path) -> Result<(), String> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<String>>();
    read(&Format::MatFilled(names(&["x'", "y"])), path).ok();
    read(&Format::MatCells(names(&["c"])), path).ok();
    read(&Format::Mat(names(&["x", "y"])), path)
}

/// Stands before each file of a paper's folder in the one that is changed.
const FILE: &str = "%%% ";

const YAML: &[&str] = &[
    "\n",
    ": ",
    "- ",
    "  ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "<<: *a",
    "'",
    "\"",
    "|",
    ">-",
    "#",
    "---\n",
    "!!int ",
    "? ",
    "log10(-3, 3, 1000)",
    "log10(",
    "[0.1, 1] x lambda_max",
    "=gamma",
    "gamma",
    "lambda",
    "k < min(p, m)",
    "n: 1",
    "mean:",
    "study",
    "study:",
    "methods:",
    "params:",
    "profiles:",
    "quick:",
    "repeats: 4294967295",
    "show:",
    "sensitivity:",
    "curves:",
    "families:",
    "traces:",
    "networks:",
    "claims:",
    "tables:",
    "rows:",
    "where:",
    "each:",
    "protocol:",
    "split:",
    "%%% ",
    "(",
    " or ",
    "not ",
    "{all: [",
    "compare:",
];

fn read_paper(path: &Path) -> Result<(), String> {
    let bundle = String::from_utf8_lossy(&std::fs::read(path).map_err(|e| e.to_string())?).into_owned();
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let paper = folder.path().join("paper");
    std::fs::create_dir(&paper).map_err(|e| e.to_string())?;
    let parts = bundle.split(FILE).skip(1).map(|part| part.split_once('\n').unwrap_or((part, "")));
    // Of several by one name the last.
    for (name, text) in parts.collect::<BTreeMap<_, _>>() {
        if matches!(name, "paper" | "methods" | "published" | "findings" | "study" | "sizes") {
            std::fs::write(paper.join(name).with_extension("yaml"), text).map_err(|e| e.to_string())?;
        }
    }
    // The folder has another name each time, which is no other answer.
    let anywhere = folder.path().display().to_string();
    let paper = Paper::load(folder.path(), "paper", &Catalog::embedded());
    let paper = paper.map_err(|e| e.to_string().replace(&anywhere, ""))?;
    for study in &paper.studies {
        for profile in [Profile::Smoke, Profile::Quick, Profile::Paper, Profile::Exhaustive] {
            let study = study.narrowed(profile).map_err(|e| e.to_string())?;
            study.methods.iter().for_each(|method| drop(method.grid.paths(method.entry, 20, 5)));
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// A MATLAB file whose elements are compressed.
fn compressed(bytes: &[u8], _: &mut ChaCha8Rng) -> Vec<u8> {
    let (header, elements) = bytes.split_at(bytes.len().min(128));
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(elements);
    let packed = encoder.finish().unwrap_or_default();
    [header, &15_u32.to_le_bytes(), &(packed.len() as u32).to_le_bytes(), &packed].concat()
}

/// An archive of two members made of these bytes, whose sizes and sums are right.
fn archived(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let texts = bytes.split_at(rng.random_range(0..=bytes.len()));
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in [("x", texts.0), ("../y", texts.1)] {
        let (mut crc, mut encoder) = (Crc::new(), DeflateEncoder::new(Vec::new(), Compression::fast()));
        crc.update(text);
        let _ = encoder.write_all(text);
        let packed = encoder.finish().unwrap_or_default();
        let sizes = [crc.sum(), packed.len() as u32, text.len() as u32].map(u32::to_le_bytes).concat();
        let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0], &*sizes, &(name.len() as u16).to_le_bytes(), &[0, 0]].concat();
        let start = (files.len() as u32).to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\x00", &*common, &[0; 10], &start, name.as_bytes()].concat());
        files.extend([b"PK\x03\x04", &*common, name.as_bytes(), &packed].concat());
    }
    let place = [directory.len() as u32, files.len() as u32].map(u32::to_le_bytes).concat();
    [files, directory, [b"PK\x05\x06\0\0\0\0\x02\0\x02\0".as_slice(), &place, &[0, 0]].concat()].concat()
}
