//! λ with what is not known of it: its posterior, by integration or by sampling.

use serde::{Deserialize, Serialize};

use super::choose::{Choice, ChooseError, Criterion, LambdaRule, Node, choose};
use super::curves::Curves;
use super::gibbs;
use super::marginal::Posterior;
use super::note::Note;
use super::table::SpectrumTable;

/// What is made of the posterior of λ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hyper {
    /// λ is taken as known where its rule finds it.
    Point,
    /// The estimate is averaged over the posterior of λ, sky and noise integrated out.
    Marginal,
    /// The same by Gibbs sampling.
    Gibbs {
        /// Iterations of a chain at the most.
        iterations: u32,
        /// Of the random numbers.
        seed: u64,
    },
}

/// What is asked of the table of modes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// How λ is chosen.
    pub rule: LambdaRule,
    /// Noise of the dirty image, if it is known \[Jy/beam\].
    pub sigma: Option<f64>,
    /// What is made of its posterior: for the two likelihood rules.
    pub hyper: Hyper,
    /// Noise of the dirty image for the criteria over λ, where these are wanted and it is not known \[Jy/beam\].
    pub curves: Option<f64>,
}

/// Chooses λ, and finds its posterior where asked: λ then is its mean in `log λ`, the precisions are the posterior means, and
/// `nodes` stand for it.
///
/// Chains that do not converge within their limit leave the marginal posterior, and a note; a posterior that the data leave
/// open leaves λ as chosen, and a note.
///
/// # Errors
/// See [`choose`].
pub fn infer(table: &SpectrumTable, ask: &Inference) -> Result<Choice, ChooseError> {
    let mut choice = choose(table, ask.rule, ask.sigma)?;
    if let Some(sigma) = ask.curves {
        choice.curves = Curves::new(table, ask.sigma.unwrap_or(sigma), choice.lambda);
    }
    if ask.hyper == Hyper::Point || !matches!(ask.rule, LambdaRule::Ml | LambdaRule::MlSigma) {
        return Ok(choice);
    }
    let variance = ask.sigma.map(|sigma| sigma * sigma / table.usable().noise_mean);
    let criterion = Criterion::new(table.modes(), ask.rule, variance)
        .ok_or(ChooseError::NoUsableModes { tau: table.usable().tau })?;
    let Some(marginal) = choice.posterior.take() else {
        choice.notes.push(Note::NoPosterior);
        return Ok(choice);
    };
    let posterior = match ask.hyper {
        Hyper::Gibbs { iterations, seed } => sampled(table, (&criterion, &marginal), (iterations, seed), &mut choice),
        _ => marginal,
    };
    choice.nodes = nodes(&criterion, &posterior);
    choice.lambda = 10.0_f64.powf(posterior.log_lambda.mean);
    (choice.gamma_n, choice.gamma_x) = (posterior.gamma_noise.mean, posterior.gamma_prior.mean);
    choice.log_lambda_sd = Some(posterior.log_lambda.sd);
    choice.sigma = (table.usable().noise_mean / choice.gamma_n).sqrt();
    choice.posterior = Some(posterior);
    Ok(choice)
}

/// The posterior of the chains, or the marginal one where they did not converge.
fn sampled(
    table: &SpectrumTable,
    (criterion, marginal): (&Criterion, &Posterior),
    limits: (u32, u64),
    choice: &mut Choice,
) -> Posterior {
    let plane = table.problem().plane();
    let independent = plane.data_pixels as f64 / plane.modes() as f64;
    let scale = |(t, count, power): (f64, f64, f64)| (t, count * independent, power * independent);
    let bins = table.coarse_bins().into_iter().map(scale).collect();
    let (chains, posterior) = gibbs::sample((criterion, &bins), (choice.lambda, marginal.log_lambda.sd), limits);
    let is_converged = chains.is_converged;
    if !is_converged {
        let worst = chains.gamma_noise.filter(|noise| noise.r_hat > chains.gamma_prior.r_hat);
        let worst = worst.unwrap_or(chains.gamma_prior);
        choice.notes.push(Note::Unconverged {
            iterations: chains.iterations,
            r_hat: worst.r_hat,
            effective_samples: worst.effective_samples,
        });
    }
    choice.chains = Some(chains);
    if is_converged { posterior } else { marginal.clone() }
}

/// Three λ whose moments are those of the posterior of `log λ`: exact for averages of polynomials of the fifth degree, if it is
/// normal (Gauss & Hermite).
fn nodes(criterion: &Criterion, posterior: &Posterior) -> Vec<Node> {
    let (mean, reach) = (posterior.log_lambda.mean, 3.0_f64.sqrt() * posterior.log_lambda.sd);
    let node = |(offset, weight): (f64, f64)| {
        let lambda = 10.0_f64.powf(mean + offset * reach);
        Node { lambda, gamma_n: 1.0 / criterion.variance(lambda), weight }
    };
    [(-1.0, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.0, 1.0 / 6.0)].map(node).to_vec()
}
