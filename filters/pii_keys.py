"""Keys and tokens by the fixed beginnings that their issuers give them, so that they can be found.

The patterns are those of gitleaks (github.com/gitleaks/gitleaks, config/gitleaks.toml, MIT), of the rules that need no
word such as `key` beside them.
"""

from __future__ import annotations

import re

_AUTHORIZATION = r"[\"']?\s{0,4}[:=,]\s{0,4}[\"']?(?i:bearer|basic|token)\s{1,4}(?P<key>[\w.~+/-]{20,2048}={0,2})"
_SLACK_USER = r"(?:[0-9]{10,13}-){3}[a-zA-Z0-9-]{28,34}"
_SLACK_REFRESH = r"(?:xox[bp]-)?\d-[A-Za-z0-9]{100,200}"

#: What a key begins with, and what follows it. The longest beginning counts. What is named `key` alone is the secret.
PATTERNS: dict[str, str] = {
    "AKIA": r"[A-Z0-9]{16}",  # aws-access-token
    "ASIA": r"[A-Z0-9]{16}",
    "ABIA": r"[A-Z0-9]{16}",
    "ACCA": r"[A-Z0-9]{16}",
    "LTAI": r"[A-Za-z0-9]{20}",  # alibaba-access-key-id
    "AIza": r"[\w-]{35}",  # gcp-api-key
    "GOCSPX-": r"[\w-]{28}",  # Google's OAuth client secret
    "ya29.": r"[\w-]{30,2048}",  # Google's OAuth access token
    "ghp_": r"[0-9a-zA-Z]{36}",  # github-pat
    "gho_": r"[0-9a-zA-Z]{36}",  # github-oauth
    "ghu_": r"[0-9a-zA-Z]{36}",  # github-app-token
    "ghs_": r"[0-9a-zA-Z]{36}",
    "ghr_": r"[0-9a-zA-Z]{36}",  # github-refresh-token
    "github_pat_": r"\w{82}",  # github-fine-grained-pat
    **dict.fromkeys(  # GitLab's, with those that say where they are routed
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-"),
        r"(?:[\w-]{27,300}\.[0-9a-z]{2}\.?[0-9a-z]{7,9}|[\w-]{20,64})",
    ),
    "xoxb-": r"[0-9]{10,13}-[0-9]{10,13}[a-zA-Z0-9-]*",  # slack-bot-token
    "xoxp-": _SLACK_USER,  # slack-user-token
    "xoxe-": rf"(?:{_SLACK_USER}|\d-[A-Za-z0-9]{{100,200}})",
    "xoxe.": _SLACK_REFRESH,  # slack-config-access-token
    "xoxa-": r"(?:\d-)?[0-9A-Za-z-]{20,72}",  # slack-legacy-workspace-token
    "xoxr-": r"(?:\d-)?[0-9A-Za-z-]{20,72}",
    "xoxs-": r"\d+-\d+-\d+-[a-fA-F\d]+",  # slack-legacy-token
    "xoxo-": r"\d+-\d+-\d+-[a-fA-F\d]+",
    "xapp-": r"\d-[A-Z0-9]+-\d+-[a-z0-9]+",  # slack-app-token
    "https://hooks.slack.com/": r"(?:services|workflows|triggers)/[A-Za-z0-9+/]{43,56}",  # slack-webhook-url
    "sk_live_": r"[a-zA-Z0-9]{10,99}",  # stripe-access-token
    "sk_test_": r"[a-zA-Z0-9]{10,99}",
    "sk_prod_": r"[a-zA-Z0-9]{10,99}",
    "rk_live_": r"[a-zA-Z0-9]{10,99}",
    "rk_test_": r"[a-zA-Z0-9]{10,99}",
    "rk_prod_": r"[a-zA-Z0-9]{10,99}",
    "whsec_": r"[a-zA-Z0-9+/]{32,64}={0,2}",  # Stripe's and others' secrets of webhooks
    "sk-ant-": r"[a-z]{3,8}\d\d-[\w-]{32,200}",  # anthropic-api-key
    "sk-or-v1-": r"[a-f0-9]{64}",  # OpenRouter
    "sk-proj-": r"[\w-]{32,300}",  # openai-api-key
    "sk-svcacct-": r"[\w-]{32,300}",
    "sk-admin-": r"[\w-]{32,300}",
    "sk-": r"[a-zA-Z0-9]{32,64}",  # those of OpenAI before, and of services that followed it
    "hf_": r"[a-zA-Z]{34}",  # huggingface-access-token
    "npm_": r"[a-zA-Z0-9]{36}",  # npm-access-token
    "pypi-AgEIcHlwaS5vcmc": r"[\w-]{50,1000}",  # pypi-upload-token
    "pypi-AgENdGVzdC5weXBpLm9yZ": r"[\w-]{50,1000}",
    "rubygems_": r"[a-f0-9]{48}",  # rubygems-api-token
    "SG.": r"(?:[\w=-]{20,24}\.[\w=-]{39,50}|[\w=.-]{66})",  # sendgrid-api-token
    "SK": r"[0-9a-f]{32}",  # twilio-api-key
    "AC": r"[0-9a-f]{32}",  # Twilio's accounts
    "AA": r"(?<=\d{8}:AA)[\w-]{33}",  # telegram-bot-api-token, behind the number of the bot
    "shpat_": r"[a-fA-F0-9]{32}",  # shopify-access-token
    "shpss_": r"[a-fA-F0-9]{32}",  # shopify-shared-secret
    "shpca_": r"[a-fA-F0-9]{32}",
    "shppa_": r"[a-fA-F0-9]{32}",
    "dop_v1_": r"[a-f0-9]{64}",  # digitalocean-pat
    "doo_v1_": r"[a-f0-9]{64}",
    "dapi": r"[a-f0-9]{32}(?:-\d)?",  # databricks-api-token
    "PMAK-": r"[a-fA-F0-9]{24}-[a-fA-F0-9]{34}",  # postman-api-token
    "NRAK-": r"[A-Z0-9]{27}",  # new-relic-user-api-key
    "hvs.": r"[\w-]{90,120}",  # vault-service-token
    "glsa_": r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",  # grafana-service-account-token
    "gsk_": r"[a-zA-Z0-9]{52}",  # Groq
    "xai-": r"[a-zA-Z0-9]{80}",  # xAI
    "pplx-": r"[a-zA-Z0-9]{48}",  # perplexity-api-key
    "r8_": r"[a-zA-Z0-9]{37}",  # Replicate
    "dckr_pat_": r"[\w-]{27}",  # Docker Hub
    "lin_api_": r"[a-zA-Z0-9]{40}",  # linear-api-key
    "AGE-SECRET-KEY-1": r"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",  # age-secret-key
    "AccountKey": r"\s?=\s?(?P<key>[A-Za-z0-9+/]{86}==)",  # Azure's storage
    "SharedAccessKey": r"\s?=\s?(?P<key>[A-Za-z0-9+/]{43}=)",
    "eyJ": r"[a-zA-Z0-9_-]{14,}\.ey[a-zA-Z0-9/\\_-]{17,}\.(?:[a-zA-Z0-9/\\_-]{10,}={0,2})?",  # jwt
    "Authorization": _AUTHORIZATION,
    "authorization": _AUTHORIZATION,
    "AUTHORIZATION": _AUTHORIZATION,
}
#: Those that a sample such as `sk-proj-your-key-goes-here` would pass: letters of both cases or hex digits, and digits among them.
_MIXED = frozenset(prefix.encode() for prefix in (
    "sk-", "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-ant-", "AA", "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-",
    "glsoat-", "glimt-", "glagent-", "gloas-", "whsec_", "xoxa-", "xoxr-", "Authorization", "authorization", "AUTHORIZATION",
))  # fmt: skip
_IS_MIXED = re.compile(rb"(?=(?:.*?\d){2})(?:(?=.*[a-z])(?=.*[A-Z])|[a-f\d-]*\Z)", re.DOTALL)
_WORDS_OF_SAMPLES = re.compile(rb"(?i:your|example|xxxx|placeholder|changeme|abcdef.{0,4}123456)")
#: A private key in PEM armour (RFC 7468), with the headers of RFC 1421, to its last line or to where it breaks off. In
#: source code line breaks are written out. A header ends with its line, and is not gone back into: eight that might end
#: anywhere took hours for a line of them.
_PEM = "-----BEGIN"
_PEM_PATTERN = re.compile(
    rb"-----BEGIN[ A-Z0-9_]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]){0,8}"
    rb"(?>(?:[A-Za-z-]{1,40}: [^\n\\]{1,200}(?:\n|\\[nr])(?:\s|\\[nr]){0,8}){0,8})"
    rb"[A-Za-z0-9+/=]{20,}(?:[A-Za-z0-9+/=\s]|\\[nr]){0,16384}(?:-----END[ A-Z0-9_]{0,100}-----)?"
)
#: AWS marks the keys of its manuals so; gitleaks allows them too.
_SAMPLE = re.compile(rb"EXAMPLE(?:KEY)?$")
_LONGEST = 1 << 14

#: Those of two letters are looked for as they are written, by the kernel (filters.pii_scan), as so many words begin with them.
PREFIXES: tuple[str, ...] = (*(prefix for prefix in PATTERNS if len(prefix) > 2), _PEM)

_COMPILED = {
    prefix.encode(): re.compile(re.escape(prefix).encode() + rb"(?:" + rest.encode() + rb")(?![A-Za-z0-9_])")
    for prefix, rest in PATTERNS.items()
}


def key_span(text: bytes, start: int, prefix_end: int) -> tuple[int, int]:
    """Where the key is that begins at `start` with the prefix `text[start:prefix_end]`; `start` twice if it is none."""
    prefix = text[start:prefix_end]
    pattern = _PEM_PATTERN if prefix == _PEM.encode() else _COMPILED.get(prefix)
    found = pattern.match(text, start, start + (_LONGEST << 1)) if pattern is not None else None
    if found is None or _SAMPLE.search(found[0]):
        return start, start
    secret = "key" if "key" in found.groupdict() else 0
    rest = found[secret] if secret else found[0][prefix_end - start :]
    if len(set(rest)) < 5 or (prefix in _MIXED and (not _IS_MIXED.match(rest) or _WORDS_OF_SAMPLES.search(rest))):
        return start, start
    return found.span(secret)


#: What manuals write for a password: words, and what is to be filled in.
_NO_PASSWORD = re.compile(
    r"(?i:user(?:name)?|(?:my|your|the|db|root)?_?-?(?:pass(?:word|wd|code|phrase)?|pwd|pw|secret|token|key|credentials?)|login|admin|root|test"
    r"|foo|bar|baz|abc|x-oauth-basic|x-access-token|guest|postgres|mysql|(.)\1*|passwor[td]\d?|motdepasse|kennwort|passwort|contrase\w+|senha"
    r"|example)|.*[<>{}$%*()\[\]].*|[^\W\d_]?[^\W\dA-Z]*|[A-Z_-]+"
)


def is_password(shown: str) -> bool:
    """Whether what stands between a user's name and the host of a URL is a password, and no word for one."""
    return _NO_PASSWORD.fullmatch(shown) is None
