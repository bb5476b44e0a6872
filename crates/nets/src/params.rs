//! Where the parameters of many networks lie.
//!
//! Shared parameters are one vector. Those that every task has of its own are the rows of a matrix, one row a task:
//! a task's gradients are then one slice that one thread writes, and a layer stacked over tasks is a column range.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::real::Real;

/// Whose a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// One for all tasks.
    Shared,
    /// One for every task.
    Task,
}

/// What a parameter does. Penalties are mostly on weights alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Weights of a dense layer.
    Weights,
    /// Its biases.
    Bias,
    /// Means of stochastic gates.
    Gates,
    /// A factor of weights that are not free themselves.
    Factor,
}

/// A parameter's place: `blocks x inputs x outputs` numbers, the last index fastest, for all tasks or each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name, unique in a layout.
    pub name: String,
    /// Whose it is.
    pub own: Own,
    /// What it does.
    pub role: Role,
    /// `[blocks, inputs, outputs]`; a bias has one input.
    pub shape: [usize; 3],
    /// Where it starts in the shared vector or in each task's row.
    pub start: usize,
}

impl Place {
    /// How many numbers it has, per task if it is the tasks' own.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its part of the shared vector or of a task's row.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len()
    }
}

/// A parameter of a layout, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamId(pub usize);

/// The parameters of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Number of tasks.
    pub tasks: usize,
    /// Length of the shared vector.
    pub shared: usize,
    /// Length of a task's row.
    pub stride: usize,
    places: Vec<Place>,
}

impl Layout {
    /// No parameters yet.
    pub fn new(tasks: usize) -> Self {
        Self { tasks, shared: 0, stride: 0, places: Vec::new() }
    }

    /// Adds a parameter.
    pub fn push(&mut self, name: &str, own: Own, role: Role, shape: [usize; 3]) -> ParamId {
        let end = match own {
            Own::Shared => &mut self.shared,
            Own::Task => &mut self.stride,
        };
        let place = Place { name: name.to_owned(), own, role, shape, start: *end };
        *end += place.len();
        self.places.push(place);
        ParamId(self.places.len() - 1)
    }

    /// All places, in the order they were added.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// One place.
    pub fn place(&self, id: ParamId) -> &Place {
        &self.places[id.0]
    }

    /// The parameter of a name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.places.iter().position(|place| place.name == name).map(ParamId)
    }

    /// How many numbers a model has in all.
    pub fn len(&self) -> usize {
        self.shared + self.tasks * self.stride
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first parameter that does not lie where those before it end, for layouts that come from a file.
    pub(crate) fn mistake(&self) -> Option<String> {
        let mut ends = [0usize; 2];
        for Place { name, own, shape, start, .. } in &self.places {
            let end = &mut ends[usize::from(*own == Own::Task)];
            let size = shape.iter().try_fold(1usize, |size, n| size.checked_mul(*n));
            match size.and_then(|size| end.checked_add(size)) {
                Some(next) if *start == *end => *end = next,
                _ => return Some(format!("the parameter {name} in a wrong place")),
            }
        }
        (ends != [self.shared, self.stride]).then(|| "parameters of another size".into())
    }
}

/// Parameters, gradients or an optimiser's moments, laid out by a [`Layout`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params<R> {
    /// What all tasks share.
    pub shared: Vec<R>,
    /// What each task has of its own: `tasks x stride`.
    pub tasks: Vec<R>,
    /// Length of a task's row.
    pub stride: usize,
}

impl<R: Real> Params<R> {
    /// All zero.
    pub fn zeros(layout: &Layout) -> Self {
        Self {
            shared: vec![R::ZERO; layout.shared],
            tasks: vec![R::ZERO; layout.tasks * layout.stride],
            stride: layout.stride,
        }
    }

    /// A task's row.
    #[inline]
    pub fn row(&self, task: usize) -> &[R] {
        &self.tasks[task * self.stride..][..self.stride]
    }

    /// What a place holds for a task; what all share does not depend on the task.
    #[inline]
    pub fn slice(&self, place: &Place, task: usize) -> &[R] {
        match place.own {
            Own::Shared => &self.shared[place.range()],
            Own::Task => &self.row(task)[place.range()],
        }
    }

    /// As [`Self::slice`], to write.
    #[inline]
    pub fn slice_mut(&mut self, place: &Place, task: usize) -> &mut [R] {
        match place.own {
            Own::Shared => &mut self.shared[place.range()],
            Own::Task => &mut self.tasks[task * self.stride..][place.range()],
        }
    }

    /// Takes over all numbers, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.shared.copy_from_slice(&other.shared);
        self.tasks.copy_from_slice(&other.tasks);
    }

    /// Sets all to zero.
    pub fn clear(&mut self) {
        self.shared.fill(R::ZERO);
        self.tasks.fill(R::ZERO);
    }

    /// Whether these are the parameters of a layout, in number.
    pub fn fits(&self, layout: &Layout) -> bool {
        self.shared.len() == layout.shared
            && self.stride == layout.stride
            && Some(self.tasks.len()) == layout.stride.checked_mul(layout.tasks)
    }

    /// All numbers one after another: shared, then the tasks' rows.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.shared.iter().chain(&self.tasks)
    }

    /// The number at a position of [`Self::iter`], to write.
    pub fn at_mut(&mut self, i: usize) -> &mut R {
        let shared = self.shared.len();
        if i < shared { &mut self.shared[i] } else { &mut self.tasks[i - shared] }
    }
}
