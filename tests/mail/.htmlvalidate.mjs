// HTML of mails: the recommended rules, but for what only mails need.
export default {
  root: true,
  extends: ['html-validate:recommended'],
  rules: {
    // Mail programs drop style sheets.
    'no-inline-style': 'off',
    // Outlook on Windows lays out by a table that no other program sees.
    'no-conditional-comment': 'off',
    // Every reader of HTML adds it; here it would only take bytes.
    'prefer-tbody': 'off',
    // The title is the headline, as long as that is.
    'long-title': 'off',
  },
};
