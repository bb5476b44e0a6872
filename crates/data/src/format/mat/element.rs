//! Data elements: a tag that says the type and the size, and the bytes. A variable is an element of elements.
//!
//! Every size is compared with the bytes that are there before it is believed, nothing is set aside for what a file only
//! announces, and nothing here calls itself: a file can be no deeper than it is read.
//!
//! <https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf>

use ndarray::{Array2, ShapeBuilder};

/// Types of elements, and of the numbers in them.
const INT8: u32 = 1;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
pub(super) const COMPRESSED: u32 = 15;

/// Whole numbers up to this size are doubles.
const EXACT: u64 = 1 << 53;

/// Why bytes are not what they should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They contradict themselves.
    Damaged(String),
    /// They are something else.
    Other(String),
    /// There are other variables only.
    Missing(Vec<String>),
}

fn damaged(what: impl Into<String>) -> Fault {
    Fault::Damaged(what.into())
}

/// The elements in some bytes, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Elements<'a> {
    pub(super) fn new(bytes: &'a [u8], little: bool) -> Self {
        Self { bytes, little }
    }

    /// The next element's type and bytes; `None` where no whole tag is left.
    pub(super) fn next(&mut self) -> Result<Option<(u32, &'a [u8])>, Fault> {
        let Some((tag, rest)) = self.bytes.split_at_checked(8) else { return Ok(None) };
        let (first, second) = (self.word(&tag[..4]), self.word(&tag[4..]));
        // Up to four bytes stand in the tag itself.
        if first >> 16 != 0 {
            let data = tag[4..].get(..(first >> 16) as usize);
            self.bytes = rest;
            return Ok(Some((first & 0xffff, data.ok_or_else(|| damaged("a short element of more than 4 bytes"))?)));
        }
        let size = second as usize;
        let (data, after) = rest
            .split_at_checked(size)
            .ok_or_else(|| damaged(format!("it is cut short: {} bytes instead of {size}", rest.len())))?;
        // All but compressed ones are filled up to a multiple of 8; the last one may lack that.
        let fill = if first == COMPRESSED { 0 } else { size.next_multiple_of(8) - size };
        self.bytes = after.get(fill..).unwrap_or_default();
        Ok(Some((first, data)))
    }

    /// Type and size of the first element, whether or not all of it is there.
    pub(super) fn tag(&self) -> Result<(u32, u64), Fault> {
        let tag = self.bytes.get(..8).ok_or_else(|| damaged("an element without type and size"))?;
        Ok((self.word(&tag[..4]), self.word(&tag[4..]).into()))
    }

    /// The next element, which must be there.
    fn expect(&mut self, what: &str) -> Result<(u32, &'a [u8]), Fault> {
        self.next()?.ok_or_else(|| damaged(format!("a variable without {what}")))
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(self.ordered(bytes))
    }

    /// Bytes of a number, lowest first.
    fn ordered<const N: usize>(&self, bytes: &[u8]) -> [u8; N] {
        let mut ordered = [0; N];
        ordered.copy_from_slice(&bytes[..N]);
        if !self.little {
            ordered.reverse();
        }
        ordered
    }
}

/// A variable: what it says of itself, and the elements it is made of.
#[derive(Debug)]
pub(super) struct Variable<'a> {
    pub(super) name: String,
    class: u8,
    complex: bool,
    logical: bool,
    dimensions: Vec<usize>,
    parts: Elements<'a>,
}

impl<'a> Variable<'a> {
    /// From an element of a file or of a cell array; `None` if that is no variable.
    pub(super) fn of((kind, bytes): (u32, &'a [u8]), little: bool) -> Result<Option<Self>, Fault> {
        if kind != MATRIX {
            return Ok(None);
        }
        let mut parts = Elements::new(bytes, little);
        if bytes.is_empty() {
            // An empty cell.
            let (name, dimensions) = (String::new(), vec![0, 0]);
            return Ok(Some(Self { name, class: 6, complex: false, logical: false, dimensions, parts }));
        }
        let flags = match parts.expect("its flags")? {
            (UINT32, flags) if flags.len() == 8 => parts.word(flags),
            _ => return Err(damaged("a variable without its flags")),
        };
        let (kind, mut name) = parts.expect("its sizes")?;
        let mut dimensions = Vec::new();
        // Objects of newer kinds have no sizes.
        if kind == INT32 {
            dimensions = name.chunks_exact(4).map(|size| parts.word(size) as usize).collect();
            name = parts.expect("its name")?.1;
        } else if kind != INT8 {
            return Err(damaged("a variable without its sizes"));
        }
        Ok(Some(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            class: flags as u8,
            complex: flags & 0x0800 != 0,
            logical: flags & 0x0200 != 0,
            dimensions,
            parts,
        }))
    }

    /// The matrices of a cell array.
    pub(super) fn to_matrices(&self) -> Result<Vec<Array2<f64>>, Fault> {
        if self.class != 1 {
            return Err(self.to_matrix().map_or_else(|fault| fault, |_| Fault::Other("a matrix".into())));
        }
        let (mut cells, mut matrices) = (self.parts, Vec::new());
        while let Some(element) = cells.next()? {
            let number = matrices.len() + 1;
            let cell = Variable::of(element, self.parts.little)?;
            let cell = cell.ok_or_else(|| damaged(format!("something that is no variable in cell {number}")))?;
            matrices.push(cell.to_matrix().map_err(|fault| match fault {
                Fault::Damaged(what) => Fault::Damaged(format!("{what} in cell {number}")),
                Fault::Other(what) => Fault::Other(format!("{what} in cell {number}")),
                missing => missing,
            })?);
        }
        match self.dimensions.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)) {
            Some(count) if count == matrices.len() => Ok(matrices),
            _ => Err(damaged(format!("{} cells in a {} cell array", matrices.len(), self.shape()))),
        }
    }

    /// The numbers of a real matrix.
    pub(super) fn to_matrix(&self) -> Result<Array2<f64>, Fault> {
        let other = |what: String| Err(Fault::Other(what));
        let shape = self.shape();
        match self.class {
            1 => return other("a cell array".into()),
            2 => return other("a structure".into()),
            4 => return other(format!("a {shape} array of text or truth values")),
            5 => return other("a sparse matrix".into()),
            6..=15 if self.logical => return other(format!("a {shape} array of text or truth values")),
            6..=15 => {}
            _ => return other("something that is no matrix".into()),
        }
        let &[rows, columns] = self.dimensions.as_slice() else {
            return other(format!("a {shape} array"));
        };
        if self.complex {
            return other(format!("a complex {shape} matrix"));
        }
        let mut parts = self.parts;
        let (kind, bytes) = parts.next()?.unwrap_or((DOUBLE, &[]));
        let Some(values) = self.numbers(kind, bytes)? else {
            return other(format!("a {shape} array of 64-bit integers, some beyond 2^53"));
        };
        let found = values.len();
        Array2::from_shape_vec((rows, columns).f(), values)
            .map_err(|_| damaged(format!("{found} numbers for a {shape} matrix")))
    }

    /// Numbers of a type, which may be shorter than the class of the matrix asks for; `None` if some are no doubles.
    fn numbers(&self, kind: u32, bytes: &[u8]) -> Result<Option<Vec<f64>>, Fault> {
        let from = &self.parts;
        Ok(match kind {
            INT8 => Some(each(bytes, |[b]: [u8; 1]| f64::from(b as i8))?),
            2 => Some(each(bytes, |[b]: [u8; 1]| f64::from(b))?),
            3 => Some(each(bytes, |b: [u8; 2]| f64::from(i16::from_le_bytes(from.ordered(&b))))?),
            4 => Some(each(bytes, |b: [u8; 2]| f64::from(u16::from_le_bytes(from.ordered(&b))))?),
            INT32 => Some(each(bytes, |b: [u8; 4]| f64::from(i32::from_le_bytes(from.ordered(&b))))?),
            UINT32 => Some(each(bytes, |b: [u8; 4]| f64::from(u32::from_le_bytes(from.ordered(&b))))?),
            7 => Some(each(bytes, |b: [u8; 4]| f64::from(f32::from_le_bytes(from.ordered(&b))))?),
            DOUBLE => Some(each(bytes, |b: [u8; 8]| f64::from_le_bytes(from.ordered(&b)))?),
            12 => {
                let exact = |v: i64| (v.unsigned_abs() <= EXACT).then_some(v as f64);
                each(bytes, |b: [u8; 8]| exact(i64::from_le_bytes(from.ordered(&b))))?.into_iter().collect()
            }
            13 => {
                let exact = |v: u64| (v <= EXACT).then_some(v as f64);
                each(bytes, |b: [u8; 8]| exact(u64::from_le_bytes(from.ordered(&b))))?.into_iter().collect()
            }
            other => return Err(damaged(format!("numbers of the unknown type {other}"))),
        })
    }

    /// The sizes, as in `2 x 3`.
    fn shape(&self) -> String {
        const SHOWN: usize = 8;
        let mut shape = self.dimensions.iter().take(SHOWN).map(usize::to_string).collect::<Vec<_>>().join(" x ");
        if self.dimensions.len() > SHOWN {
            shape.push_str(" x ..");
        }
        shape
    }
}

/// What is in each `N` bytes.
fn each<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Fault> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(damaged(format!("{} bytes for numbers of {N}", bytes.len())));
    }
    Ok(chunks.iter().copied().map(number).collect())
}
