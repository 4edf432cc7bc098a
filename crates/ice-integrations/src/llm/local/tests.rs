//! A model small enough to be made here, for what files may hold and how answers end.

mod answers;
mod kit;
mod files;
mod real;
mod texts;
