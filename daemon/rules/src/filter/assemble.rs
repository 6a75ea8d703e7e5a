//! A small assembler: labels instead of distances, and jumps of any length.

use super::program::{Instruction, MAX_INSTRUCTIONS, Program, op};

/// A place to jump to; always later in the program than the jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

enum Step {
    Plain(u16, u32),
    /// Conditional: code, operand, target when true, target when false; `None` falls through.
    Branch(u16, u32, Option<Label>, Option<Label>),
    Jump(Label),
}

/// How a conditional jump gets to its target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Itself.
    Near,
    /// By an unconditional jump right behind it.
    Far,
    /// By that of a later step.
    By(usize),
}

/// A program under construction.
#[derive(Default)]
pub(super) struct Assembler {
    steps: Vec<Step>,
    /// For each label, the index of the step it stands before.
    places: Vec<Option<usize>>,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Puts a label here.
    pub(super) fn place(&mut self, label: Label) -> &mut Self {
        let here = self.steps.len();
        if let Some(place) = self.places.get_mut(label.0) {
            *place = Some(here);
        }
        self
    }

    pub(super) fn op(&mut self, code: u16, k: u32) -> &mut Self {
        self.steps.push(Step::Plain(code, k));
        self
    }

    /// Jumps to `target` when the condition holds.
    pub(super) fn when(&mut self, code: u16, k: u32, target: Label) -> &mut Self {
        self.steps.push(Step::Branch(code, k, Some(target), None));
        self
    }

    /// Jumps to `target` unless the condition holds.
    pub(super) fn unless(&mut self, code: u16, k: u32, target: Label) -> &mut Self {
        self.steps.push(Step::Branch(code, k, None, Some(target)));
        self
    }

    pub(super) fn jump(&mut self, target: Label) -> &mut Self {
        self.steps.push(Step::Jump(target));
        self
    }

    /// Keeps `k` octets.
    pub(super) fn keep(&mut self, k: u32) -> &mut Self {
        self.op(op::RET_K, k)
    }

    /// Keeps as many octets as A says.
    pub(super) fn keep_a(&mut self) -> &mut Self {
        self.op(op::RET_A, 0)
    }

    /// Keeps X + `k` octets.
    pub(super) fn keep_x(&mut self, k: u32) -> &mut Self {
        self.op(op::TXA, 0).op(op::ADD_K, k).keep_a()
    }

    /// Keeps X + `offset`, and behind that as many octets as A says, at most `most`.
    pub(super) fn keep_behind(&mut self, offset: u32, most: u32) -> &mut Self {
        let less = self.label();
        self.unless(op::JGE_K, most, less).keep_x(offset + most);
        self.place(less).op(op::ADD_K, offset).op(op::ADD_X, 0).keep_a()
    }

    /// Keeps up to the offset in scratch word `end`, at least X + `least`.
    pub(super) fn keep_to(&mut self, end: u32, least: u32) -> &mut Self {
        let header = self.label();
        self.op(op::LD_MEM, end).unless(op::JGE_X, 0, header).op(op::SUB_X, 0);
        self.unless(op::JGE_K, least, header).op(op::ADD_X, 0).keep_a();
        self.place(header).keep_x(least)
    }

    /// Goes on only when at least `octets` follow the offset in X. Clobbers A.
    pub(super) fn need(&mut self, octets: u32, otherwise: Label) -> &mut Self {
        self.op(op::LD_W_LEN, 0).unless(op::JGE_X, 0, otherwise).op(op::SUB_X, 0).unless(
            op::JGE_K,
            octets,
            otherwise,
        )
    }

    /// Resolves labels. `None` when the program exceeds [`MAX_INSTRUCTIONS`], or when a label is not
    /// placed after its jumps.
    pub(super) fn finish(&self) -> Option<Program> {
        let mut reaches = self.reaches()?;
        self.share(&mut reaches)?;
        let starts = starts(&reaches);
        if *starts.last()? > MAX_INSTRUCTIONS {
            return None;
        }
        self.emit(&starts, &reaches)
    }

    /// How each step gets where it goes. A conditional jump reaches 255 instructions; a farther one goes to an
    /// unconditional jump right behind it. Lengthening one can lengthen others, so this repeats until nothing changes; each
    /// round lengthens at least one, so there are at most as many rounds as steps.
    fn reaches(&self) -> Option<Vec<Reach>> {
        let mut reaches = vec![Reach::Near; self.steps.len()];
        loop {
            let starts = starts(&reaches);
            let mut changed = false;
            for ((step, start), reach) in self.steps.iter().zip(&starts).zip(reaches.iter_mut()) {
                if let Step::Branch(_, _, yes, no) = step
                    && *reach == Reach::Near
                {
                    let target = self.target(yes.or(*no)?, &starts)?;
                    if target.checked_sub(start + 1)? > MAX_DISTANCE {
                        *reach = Reach::Far;
                        changed = true;
                    }
                }
            }
            if !changed {
                return Some(reaches);
            }
        }
    }

    /// Lets conditional jumps to the same place share the unconditional jump of the last of them that they reach. That only
    /// takes instructions away, so that what was near stays so.
    fn share(&self, reaches: &mut [Reach]) -> Option<()> {
        let starts = starts(reaches);
        // For each label the step nearest behind that jumps to it, and the instruction that does.
        let mut carriers: Vec<Option<(usize, usize)>> = vec![None; self.places.len()];
        for (at, (step, start)) in self.steps.iter().zip(&starts).enumerate().rev() {
            match (step, reaches.get_mut(at)?) {
                (Step::Jump(label), _) => *carriers.get_mut(label.0)? = Some((at, *start)),
                (Step::Branch(_, _, yes, no), reach @ Reach::Far) => {
                    let carrier = carriers.get_mut(yes.or(*no)?.0)?;
                    match *carrier {
                        Some((step, jump)) if jump - (start + 1) <= MAX_DISTANCE => *reach = Reach::By(step),
                        _ => *carrier = Some((at, start + 1)),
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn target(&self, label: Label, starts: &[usize]) -> Option<usize> {
        starts.get((*self.places.get(label.0)?)?).copied()
    }

    fn emit(&self, starts: &[usize], reaches: &[Reach]) -> Option<Program> {
        let mut program = Vec::new();
        for ((step, start), reach) in self.steps.iter().zip(starts).zip(reaches) {
            match *step {
                Step::Plain(code, k) => program.push(Instruction { code, jt: 0, jf: 0, k }),
                Step::Jump(label) => {
                    let distance = self.target(label, starts)?.checked_sub(start + 1)?;
                    program.push(jump_always(distance)?);
                }
                Step::Branch(code, k, yes, no) => {
                    let target = match *reach {
                        Reach::By(step) => {
                            let is_jump = matches!(self.steps.get(step)?, Step::Jump(_));
                            starts.get(step)? + usize::from(!is_jump)
                        }
                        _ => self.target(yes.or(no)?, starts)?,
                    };
                    let distance = target.checked_sub(start + 1)?;
                    if *reach == Reach::Far {
                        let (jt, jf) = if yes.is_some() { (0, 1) } else { (1, 0) };
                        program.push(Instruction { code, jt, jf, k });
                        program.push(jump_always(distance.checked_sub(1)?)?);
                    } else {
                        let distance = u8::try_from(distance).ok()?;
                        let (jt, jf) = if yes.is_some() { (distance, 0) } else { (0, distance) };
                        program.push(Instruction { code, jt, jf, k });
                    }
                }
            }
        }
        Some(Program(program))
    }
}

/// Index of the first instruction of each step, and of the end.
fn starts(reaches: &[Reach]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = Vec::with_capacity(reaches.len() + 1);
    for reach in reaches {
        starts.push(at);
        at += if *reach == Reach::Far { 2 } else { 1 };
    }
    starts.push(at);
    starts
}

fn jump_always(distance: usize) -> Option<Instruction> {
    Some(Instruction { code: op::JA, jt: 0, jf: 0, k: u32::try_from(distance).ok()? })
}

/// Most instructions that a conditional jump skips.
const MAX_DISTANCE: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_over_more_than_255_instructions_arrives() {
        for condition_holds in [true, false] {
            let mut a = Assembler::default();
            let far = a.label();
            a.op(op::LD_W_LEN, 0);
            if condition_holds {
                a.when(op::JEQ_K, 3, far)
            } else {
                a.unless(op::JEQ_K, 4, far)
            };
            for _ in 0..300 {
                a.op(op::ADD_K, 1);
            }
            a.keep(1).place(far).keep(2);
            assert_eq!(a.finish().unwrap().run(&[0; 3], None), 2);
            assert_eq!(a.finish().unwrap().run(&[0; 4], None), 1);
        }
    }

    #[test]
    fn long_jumps_to_the_same_place_share_one() {
        let mut a = Assembler::default();
        let [far, other] = [a.label(), a.label()];
        a.op(op::LD_W_LEN, 0);
        for length in 1..=10 {
            a.when(op::JEQ_K, length, far).unless(op::JGE_K, length, other);
        }
        for _ in 0..300 {
            a.op(op::ADD_K, 1);
        }
        let program = a.keep(1).place(far).keep(2).place(other).keep(3).finish().unwrap();
        assert_eq!(program.instructions().len(), 1 + 20 + 2 + 300 + 3);
        let kept = |length: usize| program.run(&vec![0; length], None);
        assert_eq!([0, 3, 10, 11].map(kept), [0, 2, 2, 1]);
    }

    #[test]
    fn a_program_over_the_limit_is_refused() {
        let mut a = Assembler::default();
        for _ in 0..MAX_INSTRUCTIONS {
            a.op(op::ADD_K, 1);
        }
        assert!(a.keep(0).finish().is_none());
    }
}
