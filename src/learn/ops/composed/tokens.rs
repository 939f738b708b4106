//! A network's entrance, tokens and patches, and tables of biases.

use candle_core::{DType, Tensor};

use crate::learn::ops::{OpsError, ParamId, Params, Tape, Var};

impl Tape {
    /// [`Tape::pictures`].
    pub(in crate::learn::ops) fn composed_pictures(&mut self, x: &Tensor) -> Result<Var, OpsError> {
        let x = self.place_of_composed()?.full(x)?.permute((0, 2, 3, 1))?.contiguous()?;
        Ok(self.hold(x.detach()))
    }

    /// [`Tape::patches`], for whole patches `[rows, columns]` of `size`.
    pub(in crate::learn::ops) fn composed_patches(
        &mut self,
        x: &Tensor,
        size: usize,
        [rows, columns]: [usize; 2],
    ) -> Result<Var, OpsError> {
        let x = self.place_of_composed()?.full(x)?;
        let (b, c) = (x.dim(0)?, x.dim(1)?);
        let x = x.narrow(2, 0, rows * size)?.narrow(3, 0, columns * size)?.contiguous()?;
        let x = x.reshape(&[b, c, rows, size, columns, size][..])?.permute(vec![0, 2, 4, 1, 3, 5])?;
        Ok(self.hold(x.contiguous()?.reshape((b, rows, columns, c * size * size))?.detach()))
    }

    /// [`Tape::join_tokens`]; `mixture` `[h·w, rows·columns]` is what the map's positions are made of, when not the same.
    pub(in crate::learn::ops) fn composed_join_tokens(
        &mut self,
        params: &Params,
        prefix: &[ParamId],
        map: &Var,
        positions: ParamId,
        with_position: usize,
        mixture: Option<Vec<f32>>,
    ) -> Result<Var, OpsError> {
        let &[b, h, w, d] = map.dims() else { return Err(OpsError::shape("join_tokens", "a map", map.dims())) };
        let grid = params.get(positions).elem_count() / d.max(1) - with_position;
        let mixture = mixture.map(|all| self.known(all, &[h * w, grid])).transpose()?;
        let mut inputs = vec![map.clone(), self.parameter(params, positions)?];
        for id in prefix {
            inputs.push(self.parameter(params, *id)?);
        }
        let inputs: Vec<&Var> = inputs.iter().collect();
        self.formula_in(DType::F32, &inputs, move |x| {
            let positions = x[1].squeeze(0)?; // [with_position + grid, d]
            let patches = positions.narrow(0, with_position, grid)?;
            let patches = match &mixture {
                None => patches,
                Some(mixture) => mixture.matmul(&patches.contiguous()?)?,
            };
            let map = x[0].reshape((b, h * w, d))?.broadcast_add(&patches)?;
            if x.len() == 2 {
                return Ok(map);
            }
            let tokens: Vec<&Tensor> = x[2..].iter().collect();
            let mut first = Tensor::cat(&tokens, 1)?; // [1, k, d]
            if with_position > 0 {
                first = first.broadcast_add(&positions.narrow(0, 0, with_position)?)?;
            }
            let first = first.broadcast_as((b, first.dim(1)?, d))?;
            Tensor::cat(&[&first, &map], 1)
        })
    }

    /// [`Tape::some_tokens`].
    pub(in crate::learn::ops) fn composed_some_tokens(
        &mut self,
        x: &Var,
        first: usize,
        count: usize,
        dims: &[usize],
    ) -> Result<Var, OpsError> {
        let dims = dims.to_vec();
        self.formula(&[x], move |x| x[0].narrow(1, first, count)?.contiguous()?.reshape(dims.as_slice()))
    }

    /// [`Tape::merge_patches`].
    pub(in crate::learn::ops) fn composed_merge_patches(&mut self, x: &Var) -> Result<Var, OpsError> {
        let &[b, h, w, c] = x.dims() else { return Err(OpsError::shape("merge_patches", "a map", x.dims())) };
        self.formula(&[x], move |x| {
            let even = x[0].pad_with_zeros(1, 0, h % 2)?.pad_with_zeros(2, 0, w % 2)?.contiguous()?;
            let (down, across) = (h.div_ceil(2), w.div_ceil(2));
            // timm goes down before it goes right.
            let parts = even.reshape(&[b, down, 2, across, 2, c][..])?.permute(vec![0, 1, 3, 4, 2, 5])?;
            parts.contiguous()?.reshape((b, down, across, 4 * c))
        })
    }

    /// [`Tape::bias_table`]; `mixture` `[to, from]` is what the wanted table is made of, when not the same.
    pub(in crate::learn::ops) fn composed_bias_table(
        &mut self,
        params: &Params,
        table: ParamId,
        mixture: Option<Vec<f32>>,
        to: usize,
    ) -> Result<Var, OpsError> {
        let table = self.parameter(params, table)?;
        let Some(mixture) = mixture else { return Ok(table) };
        let mixture = self.known(mixture, &[to, table.dims()[0]])?;
        self.formula(&[&table], move |x| mixture.matmul(&x[0]))
    }

    /// [`Tape::bounded_bias`].
    pub(in crate::learn::ops) fn composed_bounded_bias(&mut self, x: &Var) -> Result<Var, OpsError> {
        self.formula(&[x], |x| candle_nn::ops::sigmoid(&x[0])? * 16.0)
    }
}
