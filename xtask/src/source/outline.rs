//! Finds the functions and the tests in a file's code channel by following its braces.

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where its `fn` stands, from 1.
    pub(crate) line: usize,
    /// Lines from its `fn` to its closing brace.
    pub(crate) length: usize,
    /// How deep `if`, `match` and loops are nested in it.
    pub(crate) nesting: usize,
}

/// What stands where in a file.
pub(super) struct Outline {
    pub(super) functions: Vec<Function>,
    /// Per line, whether it is part of an item under `#[cfg(test)]`.
    pub(super) in_tests: Vec<bool>,
}

/// An open brace, and what it belongs to.
struct Brace {
    /// The index of the function whose body it opens.
    function: Option<usize>,
    /// Whether it belongs to an `if`, `else`, `match`, `for`, `while` or `loop`.
    control: bool,
    /// The line of the `#[cfg(test)]` above its item.
    test_from: Option<usize>,
    /// Round and square brackets open outside of it.
    brackets: usize,
}

/// Outlines the lines of a code channel.
pub(super) fn outline(code: &[String]) -> Outline {
    let mut walker = Walker {
        outline: Outline { functions: Vec::new(), in_tests: vec![false; code.len()] },
        braces: Vec::new(),
        head: Vec::new(),
        brackets: 0,
        function: None,
        test_from: None,
    };
    for (index, line) in code.iter().enumerate() {
        let attribute = line.trim();
        if attribute.starts_with("#[cfg(test)]") || attribute.starts_with("#[cfg(all(test") {
            walker.test_from = Some(index);
        }
        for word in words(line) {
            walker.take(word, index);
        }
    }
    walker.outline
}

/// Cuts a line into words, `=>`, and single other characters.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        let length = if is_word(first) {
            rest.find(|char| !is_word(char)).unwrap_or(rest.len())
        } else if rest.starts_with("=>") {
            2
        } else {
            first.len_utf8()
        };
        words.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    words
}

struct Walker {
    outline: Outline,
    braces: Vec<Brace>,
    /// The words since the last brace, semicolon or `=>`: they say what the next brace belongs to.
    head: Vec<String>,
    /// Round and square brackets open since the last brace.
    brackets: usize,
    /// The name and line of a function whose body hasn't begun.
    function: Option<(String, usize)>,
    /// The line of a `#[cfg(test)]` whose item hasn't begun.
    test_from: Option<usize>,
}

impl Walker {
    fn take(&mut self, word: &str, line: usize) {
        match word {
            "{" => self.open(),
            "}" => self.close(line),
            "=>" => self.head.clear(),
            ";" if self.brackets == 0 => {
                // A declaration without a body, or a module in a file of its own.
                self.function = None;
                self.mark_tests(line);
                self.head.clear();
            }
            _ => self.extend_head(word, line),
        }
    }

    fn extend_head(&mut self, word: &str, line: usize) {
        match word {
            "(" | "[" => self.brackets += 1,
            ")" | "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        let is_name = word.starts_with(|char: char| char.is_alphabetic() || char == '_');
        if is_name && self.head.last().is_some_and(|last| last == "fn") {
            self.function = Some((word.to_owned(), line + 1));
        }
        self.head.push(word.to_owned());
    }

    fn open(&mut self) {
        let controls = ["if", "else", "match", "for", "while", "loop"];
        let function = self.function.take().map(|(name, line)| {
            self.outline.functions.push(Function { name, line, length: 0, nesting: 0 });
            self.outline.functions.len() - 1
        });
        self.braces.push(Brace {
            function,
            control: function.is_none() && self.head.iter().any(|word| controls.contains(&word.as_str())),
            test_from: self.test_from.take(),
            brackets: std::mem::take(&mut self.brackets),
        });
        self.note_nesting();
        self.head.clear();
    }

    /// Counts the controls from the innermost function to here.
    fn note_nesting(&mut self) {
        let Some(body) = self.braces.iter().rposition(|brace| brace.function.is_some()) else {
            return;
        };
        let depth = self.braces[body..].iter().filter(|brace| brace.control).count();
        let index = self.braces[body].function.expect("the position was found by its function");
        let function = &mut self.outline.functions[index];
        function.nesting = function.nesting.max(depth);
    }

    fn close(&mut self, line: usize) {
        self.head.clear();
        let Some(brace) = self.braces.pop() else {
            return;
        };
        self.brackets = brace.brackets;
        if let Some(index) = brace.function {
            let function = &mut self.outline.functions[index];
            function.length = line + 2 - function.line;
        }
        self.test_from = brace.test_from;
        self.mark_tests(line);
    }

    /// Marks the lines from a `#[cfg(test)]` to the end of its item.
    fn mark_tests(&mut self, line: usize) {
        if let Some(first) = self.test_from.take() {
            self.outline.in_tests[first..=line].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline_of(text: &str) -> Outline {
        outline(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn functions_have_a_name_a_length_and_a_nesting() {
        let text = "fn outer(x: [u8; 4]) -> u8 {\n    for a in x {\n        if a > 0 { return a; }\n    }\n    0\n}\n\nfn one() {}";
        let functions = outline_of(text).functions;
        assert_eq!(functions[0], Function { name: "outer".to_owned(), line: 1, length: 6, nesting: 2 });
        assert_eq!(functions[1], Function { name: "one".to_owned(), line: 8, length: 1, nesting: 0 });
    }

    #[test]
    fn arms_structs_and_closures_are_no_nesting() {
        let text = "fn f() {\n match x {\n A if b => { S { c: 1 } }\n _ => call(|| { 1; 2 }),\n }\n}";
        assert_eq!(outline_of(text).functions[0].nesting, 1);
    }

    #[test]
    fn declarations_and_pointer_types_are_no_functions() {
        let text = "trait T { fn a(&self); }\nstruct S { f: fn(u8) -> u8 }";
        assert_eq!(outline_of(text).functions, []);
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        let text = "fn a() {}\n#[cfg(test)]\nuse b;\nfn c() {}\n#[cfg(test)]\nmod tests {\n fn d() { if e {} }\n}\nfn f() {}";
        let tests = outline_of(text).in_tests;
        assert_eq!(tests, [false, true, true, false, true, true, true, true, false]);
    }
}
