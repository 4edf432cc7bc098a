//! What vendors are called.

/// What the conventions call a vendor, the value of `gen_ai.provider.name`; others keep the name that they have here.
#[must_use]
pub fn well_known(vendor: &str) -> &str {
    match vendor {
        "openai-responses" => "openai",
        "google" | "gemini" => "gcp.gemini",
        "vertex" | "vertex-ai" => "gcp.vertex_ai",
        "bedrock" | "aws-bedrock" => "aws.bedrock",
        "azure" | "azure-openai" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "xai" => "x_ai",
        "watsonx" => "ibm.watsonx.ai",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_have_the_names_of_the_conventions() {
        let known = ["openai", "openai-responses", "anthropic", "google", "deepseek", "ollama", "echo"];
        let names = known.map(well_known);
        assert_eq!(names, ["openai", "openai", "anthropic", "gcp.gemini", "deepseek", "ollama", "echo"]);
    }
}
