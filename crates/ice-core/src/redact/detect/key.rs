//! Keys and tokens of services, in the formats that those who issue them publish.

use std::ops::Range;

use crate::redact::text::{Text, is_word};

/// What the bytes after a prefix may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redact) enum Body {
    /// Letters and digits.
    Alnum,
    /// Capital letters and digits.
    Upper,
    /// Hexadecimal digits, written small.
    Hex,
    /// Letters, digits, `_` and `-`.
    Dash,
    /// Letters, digits, `_`, `-` and `.`.
    Dot,
    /// Letters, digits, `_`, `-`, `.`, `+`, `/` and `=`.
    Base64,
}

impl Body {
    const COUNT: usize = 6;

    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Dash => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dot => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=')
            }
        }
    }
}

/// What the keys of one issuer look like.
#[derive(Debug)]
pub(in crate::redact) struct Shape {
    pub(in crate::redact) label: &'static str,
    pub(in crate::redact) prefix: &'static str,
    body: Body,
    /// The fewest bytes of the body.
    least: usize,
    /// Whether it has exactly so many.
    exact: bool,
}

const fn from(label: &'static str, prefix: &'static str, body: Body, least: usize) -> Shape {
    Shape { label, prefix, body, least, exact: false }
}

const fn exactly(label: &'static str, prefix: &'static str, body: Body, least: usize) -> Shape {
    Shape { label, prefix, body, least, exact: true }
}

/// Every shape. Of two prefixes of which one begins the other, the shape of the longer one has the same label or fewer texts.
#[rustfmt::skip]
pub(in crate::redact) const SHAPES: &[Shape] = {
    use Body::{Alnum, Base64, Dash, Dot, Hex, Upper};
    &[
        // Models.
        from("api_key", "sk-", Dash, 20),
        from("groq_key", "gsk_", Alnum, 40),
        from("xai_key", "xai-", Alnum, 60),
        from("perplexity_key", "pplx-", Alnum, 40),
        from("replicate_token", "r8_", Alnum, 37),
        from("hugging_face_token", "hf_", Alnum, 30),
        from("together_key", "tgp_v1_", Dash, 40),
        from("nvidia_key", "nvapi-", Dash, 40),
        from("langsmith_key", "lsv2_", Dash, 36),
        from("pinecone_key", "pcsk_", Dash, 40),
        from("google_api_key", "AIza", Dash, 35),
        from("google_oauth_secret", "GOCSPX-", Dash, 24),
        from("google_oauth_token", "ya29.", Dash, 30),
        // Where code is kept and run.
        from("github_token", "ghp_", Alnum, 36),
        from("github_token", "gho_", Alnum, 36),
        from("github_token", "ghu_", Alnum, 36),
        from("github_token", "ghs_", Alnum, 36),
        from("github_token", "ghr_", Alnum, 36),
        from("github_token", "github_pat_", Dash, 22),
        from("gitlab_token", "glpat-", Dot, 20),
        from("gitlab_token", "gldt-", Dash, 20),
        from("gitlab_token", "glrt-", Dot, 20),
        from("gitlab_token", "glptt-", Dash, 40),
        from("gitlab_token", "glcbt-", Dash, 20),
        from("bitbucket_token", "ATBB", Alnum, 28),
        from("atlassian_token", "ATATT3x", Base64, 100),
        from("npm_token", "npm_", Alnum, 36),
        from("pypi_token", "pypi-", Dash, 50),
        from("rubygems_key", "rubygems_", Hex, 48),
        from("docker_token", "dckr_pat_", Dash, 27),
        from("docker_token", "dckr_oat_", Dash, 27),
        from("databricks_token", "dapi", Hex, 32),
        from("postman_key", "PMAK-", Dash, 40),
        from("linear_key", "lin_api_", Alnum, 40),
        from("figma_token", "figd_", Dash, 40),
        from("sentry_token", "sntrys_", Base64, 60),
        from("sentry_token", "sntryu_", Hex, 64),
        from("sonar_token", "sqp_", Hex, 40),
        from("sonar_token", "squ_", Hex, 40),
        // Clouds and what runs on them.
        exactly("aws_access_key", "AKIA", Upper, 16),
        exactly("aws_access_key", "ASIA", Upper, 16),
        exactly("alibaba_access_key", "LTAI", Alnum, 20),
        exactly("tencent_secret_id", "AKID", Alnum, 32),
        from("azure_storage_key", "AccountKey=", Base64, 80),
        from("azure_shared_access_key", "SharedAccessKey=", Base64, 40),
        from("digitalocean_token", "dop_v1_", Hex, 64),
        from("digitalocean_token", "doo_v1_", Hex, 64),
        from("digitalocean_token", "dor_v1_", Hex, 64),
        from("heroku_key", "HRKU-", Dash, 36),
        from("fly_token", "fm2_", Base64, 80),
        from("fly_token", "fo1_", Dash, 40),
        from("supabase_key", "sbp_", Hex, 40),
        from("supabase_key", "sb_secret_", Dash, 30),
        from("planetscale_token", "pscale_tkn_", Dot, 32),
        from("planetscale_password", "pscale_pw_", Dot, 32),
        from("vault_token", "hvs.", Dash, 24),
        from("vault_token", "hvb.", Dash, 100),
        from("doppler_token", "dp.pt.", Alnum, 40),
        from("doppler_token", "dp.st.", Dot, 40),
        from("pulumi_token", "pul-", Hex, 40),
        from("grafana_token", "glsa_", Dash, 40),
        from("grafana_token", "glc_", Base64, 60),
        from("new_relic_key", "NRAK-", Upper, 27),
        // Money, mail and messages.
        from("stripe_key", "sk_live_", Alnum, 16),
        from("stripe_key", "sk_test_", Alnum, 16),
        from("stripe_key", "rk_live_", Alnum, 16),
        from("stripe_key", "rk_test_", Alnum, 16),
        from("stripe_webhook_secret", "whsec_", Base64, 32),
        from("square_token", "sq0atp-", Dash, 22),
        from("square_token", "sq0csp-", Dash, 40),
        from("shopify_token", "shpat_", Hex, 32),
        from("shopify_token", "shpca_", Hex, 32),
        from("shopify_token", "shppa_", Hex, 32),
        from("shopify_token", "shpss_", Hex, 32),
        from("slack_token", "xoxa-", Dash, 10),
        from("slack_token", "xoxb-", Dash, 10),
        from("slack_token", "xoxe-", Dash, 10),
        from("slack_token", "xoxe.", Dash, 10),
        from("slack_token", "xoxo-", Dash, 10),
        from("slack_token", "xoxp-", Dash, 10),
        from("slack_token", "xoxr-", Dash, 10),
        from("slack_token", "xoxs-", Dash, 10),
        from("slack_token", "xapp-", Dash, 10),
        from("slack_webhook", "hooks.slack.com/services/", Base64, 30),
        from("discord_webhook", "discord.com/api/webhooks/", Base64, 60),
        from("sendgrid_key", "SG.", Dot, 60),
        exactly("twilio_key", "SK", Hex, 32),
        from("mailgun_key", "key-", Hex, 32),
        from("brevo_key", "xkeysib-", Dash, 64),
        from("notion_token", "ntn_", Alnum, 40),
        from("contentful_token", "CFPAT-", Dash, 40),
        from("typeform_token", "tfp_", Dash, 40),
        from("mapbox_token", "sk.eyJ", Dot, 60),
    ]
};

/// How many bytes of a body are looked at for a digit.
const LOOKED_AT: usize = 256;

/// Finds keys, from places that ascend.
#[derive(Debug, Default)]
pub(in crate::redact) struct Keys {
    /// Of each class of bytes, the run that was read last.
    runs: [(usize, usize); Body::COUNT],
    until: usize,
}

impl Keys {
    /// The key whose prefix stands at `at`.
    pub(in crate::redact) fn find(
        &mut self,
        text: Text<'_>,
        at: usize,
        shape: &Shape,
    ) -> Option<Range<usize>> {
        let begin = at + shape.prefix.len();
        if at < self.until || !text.begins_word(at) || text.slice(at..begin) != shape.prefix {
            return None;
        }
        let end = self.end_of_run(text, begin, shape.body);
        let length = end - begin;
        if length < shape.least || (shape.exact && (length > shape.least || is_word(text.at(end)))) {
            return None;
        }
        // Words that only begin as a key does have no digits.
        text.after(begin, length.min(LOOKED_AT)).bytes().find(u8::is_ascii_digit)?;
        // A full stop, or a dash, ends the sentence rather than the key.
        let end = text.run_back(end, length, |byte| matches!(byte, b'.' | b'-'));
        self.until = end;
        Some(at..end)
    }

    fn end_of_run(&mut self, text: Text<'_>, begin: usize, body: Body) -> usize {
        let mut unknown = (0, 0);
        let run = self.runs.get_mut(body as usize).unwrap_or(&mut unknown);
        if !(run.0..run.1).contains(&begin) {
            *run = (begin, text.run(begin, usize::MAX, |byte| body.has(byte)));
        }
        run.1
    }
}

/// The token of a bot of Telegram, of which `:AA` stands at `at`: eight to ten digits before, and 33 more bytes behind.
pub(in crate::redact) fn telegram(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.slice(at..at + 3) != ":AA" {
        return None;
    }
    let start = text.run_back(at, 11, |byte| byte.is_ascii_digit());
    let end = text.run(at + 1, 40, |byte| Body::Dash.has(byte));
    let fits = (8..=10).contains(&(at - start)) && end - at - 1 == 35 && text.begins_word(start);
    fits.then_some(start..end)
}
