//! From a line to a tree. `&` binds weakest, then `||`, then `&&`, then `|`.

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// Nothing.
    Empty,
    /// `a & b`.
    Then(Box<Tree>, Box<Tree>),
    /// `a || b`.
    Or(Box<Tree>, Box<Tree>),
    /// `a && b`.
    And(Box<Tree>, Box<Tree>),
    /// `a | b`.
    Pipe(Box<Tree>, Box<Tree>),
    /// `( a )` with what is redirected.
    Block(Box<Tree>, Vec<Redirect>),
    /// `if`.
    If { not: bool, ask: Ask, then: Box<Tree>, otherwise: Box<Tree> },
    /// One command: its text without redirections, quotes kept.
    Simple(String, Vec<Redirect>),
}

/// What `if` asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Exist(String),
    ErrorLevel(u32),
    Same { left: String, right: String, whatever_case: bool },
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    /// 0, 1 or 2.
    pub(super) handle: u8,
    pub(super) to: Target,
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Write(String),
    Append(String),
    Read(String),
    /// `2>&1`.
    Handle(u8),
}

/// What the interpreter doesn't understand: the text that it names as unexpected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpected(pub(super) String);

type Parsed<T> = Result<T, Unexpected>;

/// Makes a tree of a line.
pub(super) fn parse(line: &str) -> Parsed<Tree> {
    let mut parser = Parser { chars: line.chars().collect(), at: 0, depth: 0 };
    let tree = parser.sequence()?;
    match parser.peek() {
        None => Ok(tree),
        Some(c) => Err(Unexpected(c.to_string())),
    }
}

/// Splits a command's text into words; quotes hold blanks together and are taken off.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn ahead(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn take(&mut self, text: &str) -> bool {
        let there = self.ahead(text);
        if there {
            self.at += text.chars().count();
        }
        there
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn word_ahead(&self, word: &str) -> bool {
        let end = self.at + word.len();
        let same = self
            .chars
            .get(self.at..end)
            .is_some_and(|w| w.iter().collect::<String>().eq_ignore_ascii_case(word));
        same && self.chars.get(end).is_none_or(|c| c.is_whitespace() || *c == '(')
    }

    fn sequence(&mut self) -> Parsed<Tree> {
        let mut left = self.alternative()?;
        loop {
            self.blanks();
            if self.ahead("&&") || !self.take("&") {
                return Ok(left);
            }
            self.blanks();
            let end = self.peek().is_none_or(|c| c == ')');
            let right = if end { Tree::Empty } else { self.alternative()? };
            left = Tree::Then(Box::new(left), Box::new(right));
        }
    }

    fn alternative(&mut self) -> Parsed<Tree> {
        let left = self.conjunction()?;
        self.blanks();
        if self.take("||") {
            return Ok(Tree::Or(Box::new(left), Box::new(self.alternative()?)));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed<Tree> {
        let left = self.pipe()?;
        self.blanks();
        if self.take("&&") {
            return Ok(Tree::And(Box::new(left), Box::new(self.conjunction()?)));
        }
        Ok(left)
    }

    fn pipe(&mut self) -> Parsed<Tree> {
        let left = self.command()?;
        self.blanks();
        if !self.ahead("||") && self.take("|") {
            return Ok(Tree::Pipe(Box::new(left), Box::new(self.pipe()?)));
        }
        Ok(left)
    }

    fn command(&mut self) -> Parsed<Tree> {
        loop {
            self.blanks();
            if !self.take("@") {
                break;
            }
        }
        if self.take("(") {
            self.depth += 1;
            let inner = self.sequence()?;
            self.blanks();
            if !self.take(")") {
                return Err(Unexpected(self.peek().map_or_else(String::new, String::from)));
            }
            self.depth -= 1;
            let mut redirects = Vec::new();
            loop {
                self.blanks();
                let Some(redirect) = self.redirect(true)? else { break };
                redirects.push(redirect);
            }
            return Ok(Tree::Block(Box::new(inner), redirects));
        }
        if self.word_ahead("if") {
            self.at += 2;
            return self.condition();
        }
        if self.word_ahead("rem") {
            // The rest of the line is a remark, operators and all.
            self.at = self.chars.len();
            return Ok(Tree::Simple("rem".into(), Vec::new()));
        }
        self.simple()
    }

    fn condition(&mut self) -> Parsed<Tree> {
        self.blanks();
        let whatever_case = self.word_ahead("/i");
        if whatever_case {
            self.at += 2;
            self.blanks();
        }
        let not = self.word_ahead("not");
        if not {
            self.at += 3;
            self.blanks();
        }
        let ask = if self.word_ahead("exist") {
            self.at += 5;
            Ask::Exist(self.argument()?)
        } else if self.word_ahead("errorlevel") {
            self.at += 10;
            let number = self.argument()?;
            Ask::ErrorLevel(number.parse().map_err(|_| Unexpected(number))?)
        } else {
            let left = self.argument()?;
            self.blanks();
            let (left, right) = match left.split_once("==") {
                Some((left, right)) if !right.is_empty() => (left.to_owned(), right.to_owned()),
                Some((left, _)) => (left.to_owned(), self.argument()?),
                None if self.take("==") => (left, self.argument()?),
                None => return Err(Unexpected(left)),
            };
            Ask::Same { left, right, whatever_case }
        };
        self.blanks();
        let block = self.peek() == Some('(');
        let then = if block { self.command()? } else { self.sequence()? };
        self.blanks();
        let otherwise = if block && self.word_ahead("else") {
            self.at += 4;
            self.blanks();
            if self.peek() == Some('(') { self.command()? } else { self.sequence()? }
        } else {
            Tree::Empty
        };
        Ok(Tree::If { not, ask, then: Box::new(then), otherwise: Box::new(otherwise) })
    }

    /// A word, with its quotes.
    fn argument(&mut self) -> Parsed<String> {
        self.blanks();
        let mut word = String::new();
        let mut quoted = false;
        while let Some(c) = self.peek() {
            if !quoted && (c.is_whitespace() || "&|<>()".contains(c)) {
                break;
            }
            quoted ^= c == '"';
            word.push(c);
            self.at += 1;
        }
        if word.is_empty() {
            Err(Unexpected(self.peek().map_or_else(String::new, String::from)))
        } else {
            Ok(word)
        }
    }

    /// A redirection, if one is here. `start`: a digit here is a handle's number.
    fn redirect(&mut self, start: bool) -> Parsed<Option<Redirect>> {
        let begun = self.at;
        let digit = self.peek().and_then(|c| c.to_digit(10)).filter(|_| start);
        if digit.is_some() {
            self.at += 1;
        }
        let (default, kind): (u8, &str) = if self.take(">>") {
            (1, ">>")
        } else if self.take(">") {
            (1, ">")
        } else if self.take("<") {
            (0, "<")
        } else {
            self.at = begun;
            return Ok(None);
        };
        let handle = digit.map_or(default, |d| d as u8);
        if kind == ">" && self.take("&") {
            let to = self.peek().and_then(|c| c.to_digit(10)).ok_or_else(|| Unexpected("&".into()))?;
            self.at += 1;
            return Ok(Some(Redirect { handle, to: Target::Handle(to as u8) }));
        }
        let path = self.argument()?.replace('"', "");
        let to = match kind {
            ">>" => Target::Append(path),
            ">" => Target::Write(path),
            _ => Target::Read(path),
        };
        Ok(Some(Redirect { handle, to }))
    }

    fn simple(&mut self) -> Parsed<Tree> {
        let mut text = String::new();
        let mut redirects = Vec::new();
        let mut quoted = false;
        while let Some(c) = self.peek() {
            if quoted {
                quoted = c != '"';
                text.push(c);
                self.at += 1;
                continue;
            }
            // A digit is a handle's number only where a word could begin.
            if let Some(redirect) = self.redirect(text.is_empty() || text.ends_with(char::is_whitespace))? {
                redirects.push(redirect);
                continue;
            }
            match c {
                '^' => {
                    self.at += 1;
                    text.extend(self.peek());
                    self.at += 1;
                }
                '&' | '|' => break,
                ')' if self.depth > 0 => break,
                c => {
                    quoted = c == '"';
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        if text.trim().is_empty() && redirects.is_empty() {
            return match self.peek() {
                Some(c) if !self.chars.is_empty() => Err(Unexpected(c.to_string())),
                _ => Ok(Tree::Empty),
            };
        }
        Ok(Tree::Simple(text.trim_start().to_owned(), redirects))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simple(text: &str) -> Box<Tree> {
        Box::new(Tree::Simple(text.into(), Vec::new()))
    }

    #[test]
    fn operators_bind_as_in_the_interpreter() {
        assert_eq!(
            parse("a || b & c").unwrap(),
            Tree::Then(Box::new(Tree::Or(simple("a "), simple("b "))), simple("c"))
        );
        assert_eq!(
            parse("a && b || c").unwrap(),
            Tree::Or(Box::new(Tree::And(simple("a "), simple("b "))), simple("c"))
        );
        assert_eq!(
            parse("a | b && c").unwrap(),
            Tree::And(Box::new(Tree::Pipe(simple("a "), simple("b "))), simple("c"))
        );
    }

    #[test]
    fn redirections_are_found_anywhere_and_quotes_hide_operators() {
        let to = |handle, to| Redirect { handle, to };
        assert_eq!(
            parse(">\"C:\\a b\\f\" echo x&y 2>nul").unwrap(),
            Tree::Then(
                Box::new(Tree::Simple("echo x".into(), vec![to(1, Target::Write("C:\\a b\\f".into()))])),
                Box::new(Tree::Simple("y ".into(), vec![to(2, Target::Write("nul".into()))])),
            )
        );
        assert_eq!(
            parse("x >f 2>&1").unwrap(),
            Tree::Simple("x  ".into(), vec![to(1, Target::Write("f".into())), to(2, Target::Handle(1))])
        );
        assert_eq!(parse("find \"a&b|c\" f").unwrap(), *simple("find \"a&b|c\" f"));
        assert_eq!(parse("echo 5^>4").unwrap(), *simple("echo 5>4"));
    }

    #[test]
    fn if_takes_the_rest_of_the_line_and_else_follows_a_block() {
        let Tree::If { ask: Ask::Exist(path), then, .. } = parse("if exist f a & b").unwrap() else {
            panic!()
        };
        assert_eq!((path.as_str(), *then), ("f", Tree::Then(simple("a "), simple("b"))));
        let Tree::If { not: true, ask: Ask::Same { left, right, .. }, otherwise, .. } =
            parse("if not \"0\"==\"0\" (a) else b").unwrap()
        else {
            panic!()
        };
        assert_eq!((left.as_str(), right.as_str(), *otherwise), ("\"0\"", "\"0\"", *simple("b")));
    }

    #[test]
    fn a_quoted_word_keeps_its_blanks() {
        assert_eq!(
            words("group \"Cluster Group\" /moveto:\"N 2\""),
            ["group", "Cluster Group", "/moveto:N 2"]
        );
    }
}
