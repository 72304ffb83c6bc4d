//! The stages of noise that a file tells of, for a forecast.

use super::Plan;
use super::forecast::{Stage, psfs, setting};
use super::scales;
use crate::algorithms::wiener::{NaturalColumn, NoiseFile};
use crate::graph::Key;
use crate::pipeline::graphs::{Kept, NaturalKeys, NoiseKeys, Transfers, Wiring};

/// The look over the noise of all PSFs, and what natural weights would have made of one; nothing where no file tells it.
pub(super) fn looks(plan: &Plan) -> Vec<Stage> {
    let Some(input) = &plan.inputs.spectrum else { return Vec::new() };
    let setting = setting(plan);
    let is_natural = input.file == NoiseFile::NaturalPsf;
    let is_tapered = is_natural && !plan.is_circular();
    let (mut look, mut make) = (Wiring::new(plan.cut), Wiring::new(plan.cut));
    let (mut looked, mut made) = (Vec::new(), Vec::new());
    for number in 0..psfs(plan) {
        let plane = plan.noise_plane(input, number);
        let noise = plan.noise_of(&plane, input.file, number);
        let transfer = look.give_all("held-transfer", number, &scales::transfer(plan));
        let (keys, sums) = look.look_at_noise((number, setting), &transfer, &noise);
        looked.extend(transfer.into_iter().chain(keys.noise).chain(keys.seen).chain(keys.usable).chain(sums));
        let mut give = |name: &str, kept: &[Kept]| make.give_all(name, number, kept);
        let keys = NoiseKeys {
            transfer: give("held-transfer", &scales::transfer(plan)),
            noise: give("held-noise-spectrum", &scales::transfer(plan)),
            seen: if is_tapered { give("held-seen-psf", &scales::transfer(plan)) } else { Vec::new() },
            usable: give("held-seen", &vec![Kept::of_bytes(64); if is_natural { 3 } else { 1 }]),
        };
        let what = NaturalColumn::Weights { scale: 1.0, rest: 1.0 };
        let columns = [NaturalColumn::Transfer { scale: 1.0 }, what];
        for what in columns.into_iter().take(if plan.is_circular() { 1 } else { 2 }) {
            made.extend(make.natural((number, setting), &keys, (input.file, what)));
        }
        made.extend(keys.transfer.into_iter().chain(keys.noise).chain(keys.seen));
    }
    vec![Stage::new("noise", look, looked), Stage::new("natural", make, made)]
}

/// The transfer functions of a plane with those that are held of natural weights.
pub(super) fn transfers(plan: &Plan, wiring: &mut Wiring, plane: usize, psf: Vec<Key>) -> Transfers {
    let number = plane.min(psfs(plan) - 1);
    let natural = plan.inputs.spectrum.as_ref().map(|_| {
        let mut give = |name: &str| wiring.give_all(name, number, &scales::transfer(plan));
        let transfer = give("held-natural");
        let weights = if plan.is_circular() { Vec::new() } else { give("held-weights") };
        NaturalKeys { transfer, weights }
    });
    Transfers { psf, natural }
}
