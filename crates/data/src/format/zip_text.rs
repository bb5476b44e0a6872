//! Text files in a ZIP archive with numbers between blanks and no header line, side by side.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::csv::finite;
use super::zip::{Member, ZipError};
use super::{Shape, Table};
use crate::suggest::quoted;

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum ZipTextError {
    /// With the archive.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// With a line of a text file in it.
    #[error("{}, `{member}`, line {line}: found {found}, expected {expected}", path.display())]
    Line {
        /// The archive.
        path: PathBuf,
        /// The text file.
        member: String,
        /// The line.
        line: usize,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
}

/// Reads text files of as many lines each; the cells of a row are those of the first one's line, then of the second
/// one's and so on. Columns are named by their numbers, from 1. `shape` is what there should be in all: no more is read.
pub fn read(path: &Path, members: &[String], shape: Shape) -> Result<Table, ZipTextError> {
    let columns = shape.columns;
    let longest = Shape { rows: 1, ..shape }.text();
    let mut open =
        members.iter().map(|name| Ok((name, Member::open(path, name)?))).collect::<Result<Vec<_>, ZipError>>()?;
    let (mut values, mut rows, mut line) = (Vec::new(), 0, String::new());
    loop {
        let (number, before) = (rows + 1, values.len());
        let wrong = |member: &str, found: String, expected: String| ZipTextError::Line {
            path: path.into(),
            member: member.into(),
            line: number,
            found,
            expected,
        };
        let mut ended = None;
        for (place, (name, member)) in open.iter_mut().enumerate() {
            let ends = !member.next_line(&mut line, longest)?;
            if place > 0 && ended != Some(ends) {
                let found = if ends { "the end" } else { "a line" };
                return Err(wrong(name, found.into(), format!("as many lines as `{}`", members[0])));
            }
            ended = Some(ends);
            if ends {
                continue;
            }
            if rows == shape.rows {
                return Err(wrong(name, "a line".into(), format!("the end after {rows} lines")));
            }
            for cell in line.split_ascii_whitespace() {
                // A line cannot fill the memory: it is given up where the table's row is full.
                if values.len() - before == columns {
                    return Err(wrong(name, "more cells".into(), format!("{columns} columns in all")));
                }
                values.push(finite(cell).map_err(|expected| wrong(name, quoted(cell), expected.into()))?);
            }
        }
        if ended != Some(false) {
            break;
        }
        if values.len() - before != columns {
            let last = members.last().map_or("", String::as_str);
            return Err(wrong(last, format!("{} cells", values.len() - before), format!("{columns} columns in all")));
        }
        rows += 1;
    }
    if rows == 0 {
        let name = members.first().map_or("", String::as_str);
        let (path, member) = (path.into(), name.into());
        return Err(ZipTextError::Line { path, member, line: 1, found: "the end".into(), expected: "numbers".into() });
    }
    let values = Array2::from_shape_vec((rows, columns), values).expect("every row has as many cells");
    Ok(Table { columns: (1..=columns).map(|c| c.to_string()).collect(), values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, Crc, write::DeflateEncoder};
    use ndarray::array;
    use proptest::prelude::*;
    use std::io::Write;

    /// An archive of text files, the first stored and the others deflated.
    fn archive(members: &[(&str, &str)]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (place, (name, text)) in members.iter().enumerate() {
            let mut crc = Crc::new();
            crc.update(text.as_bytes());
            let packed = if place == 0 {
                text.as_bytes().to_vec()
            } else {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            };
            let method = if place == 0 { 0_u16 } else { 8 };
            let sizes = [crc.sum(), packed.len() as u32, text.len() as u32].map(u32::to_le_bytes).concat();
            let names = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
            let common = [[20, 0, 0, 0].as_slice(), &method.to_le_bytes(), &[0; 4], &sizes, &names].concat();
            let start = (bytes.len() as u32).to_le_bytes();
            directory.extend([b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 10], &start, name.as_bytes()].concat());
            bytes.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &packed].concat());
        }
        let count = (members.len() as u16).to_le_bytes();
        let place = [directory.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        [bytes, directory, [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &place, &[0, 0]].concat()].concat()
    }

    fn read_bytes(bytes: &[u8], members: &[&str], columns: usize) -> Result<Array2<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, bytes).unwrap();
        let members: Vec<String> = members.iter().map(|m| (*m).into()).collect();
        let shortened = |e: ZipTextError| e.to_string().replace(&path.display().to_string(), "a.zip");
        read(&path, &members, Shape { rows: 2, columns }).map(|table| table.values).map_err(shortened)
    }

    const X: (&str, &str) = ("d/x.txt", "1 2.5\n-3 4e-1 \n");
    const Y: (&str, &str) = ("d/y.txt", "7\r\n8");

    #[test]
    fn files_stand_side_by_side() {
        let expected = Ok(array![[1.0, 2.5, 7.0], [-3.0, 0.4, 8.0]]);
        assert_eq!(read_bytes(&archive(&[X, Y]), &["d/x.txt", "d/y.txt"], 3), expected);
        assert_eq!(read_bytes(&archive(&[("a", ""), Y, X]), &["d/x.txt", "d/y.txt"], 3), expected);
        let commented = [archive(&[X, Y]), b"a comment".to_vec()].concat();
        assert_eq!(read_bytes(&commented, &["d/y.txt"], 1), Ok(array![[7.0], [8.0]]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let fails = |bytes: &[u8], members: &[&str], columns, text: &str| {
            let error = read_bytes(bytes, members, columns).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        let both = ["d/x.txt", "d/y.txt"];
        fails(b"<html>", &both, 3, "a.zip: found something else, expected a ZIP archive");
        fails(&archive(&[X]), &both, 3, "found no such file in the archive, expected d/y.txt");
        let long = ("d/y.txt", "7\n8\n9\n");
        fails(&archive(&[X, long]), &both, 3, "`d/y.txt`, line 3: found a line, expected as many lines as `d/x.txt`");
        fails(&archive(&[long]), &both[1..], 1, "`d/y.txt`, line 3: found a line, expected the end after 2 lines");
        fails(&archive(&[X, ("d/y.txt", "7\n")]), &both, 3, "`d/y.txt`, line 2: found the end, expected as many lines");
        fails(&archive(&[X, Y]), &both, 4, "`d/y.txt`, line 1: found 3 cells, expected 4 columns in all");
        fails(&archive(&[X, Y]), &both, 2, "`d/y.txt`, line 1: found more cells, expected 2 columns in all");
        fails(&archive(&[("d/x.txt", "1 x\n")]), &["d/x.txt"], 2, "line 1: found `x`, expected");
        fails(&archive(&[("d/x.txt", "1 NaN\n")]), &["d/x.txt"], 2, "line 1: found `NaN`, expected");
        fails(&archive(&[("d/x.txt", "")]), &["d/x.txt"], 2, "line 1: found the end, expected numbers");
        fails(&archive(&[X, Y])[..90], &both, 3, "found something else");
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = |text: &str| {
            let text = text.repeat(1 << 22);
            let bytes = archive(&[("a", "1\n"), ("../../etc/b", &text)]);
            assert!(bytes.len() < 1 << 16, "{}", bytes.len());
            read_bytes(&bytes, &["../../etc/b"], 1).unwrap_err()
        };
        assert!(bomb("1\n").contains("line 3: found a line, expected the end after 2 lines"), "{}", bomb("1\n"));
        assert!(bomb("    ").contains("found a line of more than 4224 bytes"), "{}", bomb("    "));
    }

    #[test]
    fn bytes_must_be_those_that_were_packed() {
        let good = archive(&[X]);
        let at = good.windows(3).position(|w| w == b"2.5").unwrap();
        let mut changed = good.clone();
        changed[at] = b'9';
        let error = read_bytes(&changed, &["d/x.txt"], 2).unwrap_err();
        assert!(error.contains("15 bytes with checksum") && error.contains("expected 15 with"), "{error}");
        // The directory says that the member is shorter than it is, or longer than anything that is read.
        let sizes = good.windows(4).rposition(|w| w == 15_u32.to_le_bytes()).unwrap();
        for (size, text) in
            [(5_u32, "6 bytes with checksum"), (u32::MAX, "of 4294967295 bytes, expected at most 2 GiB")]
        {
            let mut changed = good.clone();
            changed[sizes..sizes + 4].copy_from_slice(&size.to_le_bytes());
            let error = read_bytes(&changed, &["d/x.txt"], 2).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        /// Whatever is broken, there is an error or the right table, never a panic and never other numbers.
        #[test]
        fn damage_is_survived(at in 0_usize..300, byte in any::<u8>(), cut in 0_usize..400) {
            let mut bytes = archive(&[X, Y]);
            let last = bytes.len() - 1;
            bytes[at.min(last)] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(300)));
            if let Ok(values) = read_bytes(&bytes, &["d/x.txt", "d/y.txt"], 3) {
                prop_assert_eq!(values, array![[1.0, 2.5, 7.0], [-3.0, 0.4, 8.0]]);
            }
        }
    }
}
