//! What the user should know of a choice of λ.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something the user should know of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// A λ ten times smaller or larger is as likely: the data do not tell λ.
    Undetermined,
    /// The noise found with λ is far from the one given.
    SigmaDisagrees {
        /// Found \[Jy/beam\].
        found: f64,
        /// Given \[Jy/beam\].
        given: f64,
    },
    /// The noise was left free although it passed through the PSF.
    SigmaFree,
    /// The chains of the Gibbs sampler did not converge; the marginal posterior stands in.
    Unconverged {
        /// Iterations of each chain.
        iterations: u32,
        /// Split R-hat of the precision of the prior.
        r_hat: f64,
        /// Independent draws of it.
        effective_samples: f64,
    },
    /// The data leave λ open, so that its posterior is not known; λ is taken as known.
    NoPosterior,
    /// The criterion falls up to the edge of the range that is searched; the λ there is taken.
    AtEdge {
        /// The λ.
        lambda: f64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undetermined => {
                write!(f, "the data do not determine lambda: one ten times smaller or larger is as likely")
            }
            Self::SigmaDisagrees { found, given } => {
                write!(
                    f,
                    "the noise found with lambda is {found:.3e} Jy/beam, the one given {given:.3e}: the prior does not fit the sky"
                )
            }
            Self::AtEdge { lambda } => {
                write!(
                    f,
                    "lambda is at the edge of the range searched, {lambda:.3e}, and is taken as it is: the data hold nothing \
                     but noise, or none of it, for this rule"
                )
            }
            Self::Unconverged { iterations, r_hat, effective_samples } => {
                write!(
                    f,
                    "the chains of the Gibbs sampler did not converge in {iterations} iterations (split R-hat {r_hat:.3}, expected \
                     below 1.05; {effective_samples:.0} independent draws, expected 100): the marginal posterior of lambda is \
                     taken in its place; more --gibbs-iterations may do"
                )
            }
            Self::NoPosterior => {
                write!(f, "the data leave lambda open on one side: it has no posterior, and is taken as known")
            }
            Self::SigmaFree => {
                write!(
                    f,
                    "the noise was fitted together with lambda; with bright compact sources give the noise and use ml-sigma"
                )
            }
        }
    }
}
