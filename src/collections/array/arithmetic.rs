//! Arithmetic on arrays: numbers, other arrays, functions of the user.

use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD, Zip};

use super::elementwise::{Binary, Custom, Unary};
use super::layer::Layer;
use super::op::What;
use super::{Array, ArrayError, ArrayOp, Block, Dtype, Element, elements};

impl<T: Element> Array<T> {
    fn unary<U: Element>(&self, unary: Unary) -> Array<U> {
        self.chunkwise(What::Unary(unary), unary.flops())
    }

    /// The absolute value of each element.
    pub fn abs(&self) -> Array<T::Real> {
        self.unary(Unary::Abs)
    }

    /// The squared absolute value of each element.
    pub fn abs_squared(&self) -> Array<T::Real> {
        self.unary(Unary::AbsSquared)
    }

    /// The real part of each element.
    pub fn real(&self) -> Array<T::Real> {
        self.unary(Unary::Real)
    }

    /// The complex conjugate of each element.
    pub fn conj(&self) -> Self {
        self.unary(Unary::Conj)
    }

    /// The root of each element.
    pub fn sqrt(&self) -> Self {
        self.unary(Unary::Sqrt)
    }

    /// e to the power of each element.
    pub fn exp(&self) -> Self {
        self.unary(Unary::Exp)
    }

    /// The natural logarithm of each element.
    pub fn ln(&self) -> Self {
        self.unary(Unary::Ln)
    }

    /// Each element to a whole power.
    pub fn powi(&self, power: i32) -> Self {
        self.unary(Unary::Power(power))
    }

    /// `1 / x` of each element.
    pub fn recip(&self) -> Self {
        self.unary(Unary::Into(1.0))
    }

    /// Elements of another type; of complex numbers the real part where it is a real one.
    pub fn cast<U: Element>(&self) -> Array<U> {
        self.unary(Unary::To(U::DTYPE))
    }

    /// This array or the other one cut as this one, so that chunks meet.
    fn meet<U: Element>(&self, other: &Array<U>) -> Result<Array<U>, ArrayError> {
        if self.shape() != other.shape() {
            return Err(ArrayError::Shapes { one: self.shape(), other: other.shape() });
        }
        if self.grid == other.grid { Ok(other.clone()) } else { other.rechunk(self.grid.all_lengths()) }
    }

    fn binary(&self, other: &Self, binary: Binary) -> Result<Self, ArrayError> {
        let other = self.meet(other)?;
        Ok(self.both(&other, What::Binary(binary)))
    }

    fn both<U: Element, V: Element>(&self, other: &Array<U>, what: What) -> Array<V> {
        let (grid, own) = (self.grid.clone(), what.clone());
        let inputs = vec![Arc::clone(&self.layer), Arc::clone(&other.layer)];
        let layer = Layer::new((what.name(), &what), grid.counts(), inputs, move |index| {
            let op = ArrayOp::new(own.clone(), (elements(&grid.shape_of(index)), V::DTYPE), 1.0);
            (op, vec![(0, index.to_vec()), (1, index.to_vec())])
        });
        Array::of(layer, self.grid.clone())
    }

    /// The sum with another array of the same shape; it is rechunked where its chunks are others.
    ///
    /// # Errors
    /// [`ArrayError::Shapes`].
    pub fn add(&self, other: &Self) -> Result<Self, ArrayError> {
        self.binary(other, Binary::Add)
    }

    /// The difference from another array of the same shape.
    ///
    /// # Errors
    /// [`ArrayError::Shapes`].
    pub fn sub(&self, other: &Self) -> Result<Self, ArrayError> {
        self.binary(other, Binary::Sub)
    }

    /// The product with another array of the same shape.
    ///
    /// # Errors
    /// [`ArrayError::Shapes`].
    pub fn mul(&self, other: &Self) -> Result<Self, ArrayError> {
        self.binary(other, Binary::Mul)
    }

    /// The quotient by another array of the same shape.
    ///
    /// # Errors
    /// [`ArrayError::Shapes`].
    pub fn div(&self, other: &Self) -> Result<Self, ArrayError> {
        self.binary(other, Binary::Div)
    }

    /// A function of each element. It is not data: the graph stays in this process and its results are not cached.
    pub fn map<U: Element>(&self, name: &'static str, function: impl Fn(T) -> U + Send + Sync + 'static) -> Array<U> {
        let function = move |blocks: &[&Block]| Some(U::wrap(T::peek(blocks.first()?)?.mapv(&function)));
        let custom = Custom { name, function: Arc::new(function), arity: 1, is_elementwise: true };
        self.chunkwise(What::Custom(custom), 1.0)
    }

    /// A function of each element of two arrays of the same shape. As [`Array::map`] it is not data.
    ///
    /// # Errors
    /// [`ArrayError::Shapes`].
    pub fn zip<U: Element, V: Element>(
        &self,
        other: &Array<U>,
        name: &'static str,
        function: impl Fn(T, U) -> V + Send + Sync + 'static,
    ) -> Result<Array<V>, ArrayError> {
        let function = move |blocks: &[&Block]| {
            let [one, other] = blocks else { return None };
            let (one, other) = (T::peek(one)?, U::peek(other)?);
            let is_alike = one.shape() == other.shape();
            is_alike.then(|| V::wrap(Zip::from(one).and(other).map_collect(|x, y| function(*x, *y))))
        };
        let custom = Custom { name, function: Arc::new(function), arity: 2, is_elementwise: true };
        Ok(self.both(&self.meet(other)?, What::Custom(custom)))
    }

    /// A function of each chunk, which keeps its shape. As [`Array::map`] it is not data.
    ///
    /// A result of another shape makes the task fail.
    pub fn map_blocks<U: Element>(
        &self,
        name: &'static str,
        function: impl Fn(ArrayViewD<'_, T>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Array<U> {
        let function = move |blocks: &[&Block]| {
            let block = T::peek(blocks.first()?)?;
            let result = function(block.view());
            (result.shape() == block.shape()).then(|| U::wrap(result))
        };
        let custom = Custom { name, function: Arc::new(function), arity: 1, is_elementwise: false };
        self.chunkwise(What::Custom(custom), 1.0)
    }

    /// Type of the elements, as data.
    pub fn dtype(&self) -> Dtype {
        T::DTYPE
    }
}

impl<T: Element> Neg for &Array<T> {
    type Output = Array<T>;

    fn neg(self) -> Array<T> {
        self.unary(Unary::Neg)
    }
}

impl<T: Element> Add<f64> for &Array<T> {
    type Output = Array<T>;

    fn add(self, number: f64) -> Array<T> {
        self.unary(Unary::Plus(number))
    }
}

impl<T: Element> Sub<f64> for &Array<T> {
    type Output = Array<T>;

    fn sub(self, number: f64) -> Array<T> {
        self.unary(Unary::Plus(-number))
    }
}

impl<T: Element> Mul<f64> for &Array<T> {
    type Output = Array<T>;

    fn mul(self, number: f64) -> Array<T> {
        self.unary(Unary::Times(number))
    }
}

impl<T: Element> Div<f64> for &Array<T> {
    type Output = Array<T>;

    fn div(self, number: f64) -> Array<T> {
        self.unary(Unary::Times(1.0 / number))
    }
}
