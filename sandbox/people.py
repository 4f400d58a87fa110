"""Believable people, the same for the same seed, among them names that break careless code."""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FIRST_NAMES = """
Ada Adaeze Agnieszka Ahmed Aiko Alejandra Amara Anders Andrea Anneliese Antoine Aoife Arjun Astrid Ayesha
Beatriz Benoît Bilal Camille Carlos Chiara Chidi Clara Daiki Daniel Dariusz Deborah Dmitri Eero Elena Elif
Emeka Emma Esra Ethan Fatima Femi Fiona François Freya Gabriela Giulia Grace Gunnar Hana Harriet Hassan
Hiroshi Ibrahim Imani Ines Ingrid Ishaan Isla Ivan Jack Jelena Jiwon João Johanna Jonas José Kateryna Kenji
Khadija Kwame Lars Layla Leila Liam Linh Lucía Magdalena Malik Maria Mateo Mei Mikko Min-jun Mohammed Nadia
Naomi Ngozi Nia Niamh Nikhil Oisín Olga Olivia Omar Oskar Owen Pablo Pavel Petra Quentin Rafael Rania Rosa
Ruth Saanvi Sakura Santiago Sean Siobhán Sofia Søren Stefan Tamara Tariq Thandiwe Tomás Uma Valentina Vikram
Wanjiru Wei Willem Yara Yusuf Zanele Zoë
""".split()

LAST_NAMES = """
Abara Achebe Adler Almeida Andersson Aydın Bakker Banerjee Becker Bianchi Björk Bondarenko Brandt Byrne
Campbell Carvalho Castillo Chen Chukwu Clarke Cohen Costa Dahl D'Angelo Davies Delgado Demir Diallo Doyle
Dubois Eriksen Evans Fernández Ferrari Fischer Fitzgerald Forsberg Fujimoto Gallagher García Ghosh Greene
Gupta Haddad Hansen Hashimoto Hoffmann Horvat Hughes Ibáñez Ito Ivanova Iyer Jensen Johansson Joshi Kaya
Keller Kim Kowalski Kruger Kumar Lambert Laurent Lindqvist Lopez MacLeod Marchetti Martin Mbeki Mehta
Meyer Molnár Moreau Müller Murphy Nakamura Ndlovu Nguyen Nielsen Novák Nowak O'Brien Ochieng Okafor Olsen
Ortiz Osei Park Patel Pereira Petrov Quinn Rahman Reyes Ricci Rossi Roy Ruiz Sandoval Santos Sato Schmidt
Sharma Silva Singh Smith-Jones Sokolov Suzuki Tanaka Thompson Torres Tran Van-der-Berg Vargas Vasquez Vogel
Walker Wang Weber Wójcik Yamamoto Yılmaz Zhang Zimmermann
""".split()


@dataclass(frozen=True, slots=True)
class Person:
    """An email is unique within one list of people; a name need not be, nor be there at all."""

    email: str
    first_name: str | None
    last_name: str | None
    phone: str | None = None


# (email name, first name, last name)
AWKWARD: tuple[tuple[str, str | None, str | None], ...] = (
    ("script.tag", "<script>alert(1)</script>", "Tagg"),
    ("bold.tag", "<b>Bertram</b>", "<i>Bold</i>"),
    ("attribute", '" onmouseover="alert(1)', "Quote"),
    ("template", "{{ 7|add:7 }}", "{% now 'Y' %}"),
    ("quotes", 'Conor "Mac"', "O'Sullivan & Sons"),
    ("mohammed.alali", "محمد", "العلي"),
    ("noa.levi", "נועה", "לוי"),
    ("right.to.left", "Ann\u202eanna", "Override"),
    ("long.name", "Wolfeschlegelsteinhausenbergerdorff " * 4, "Wolfeschlegelsteinhausenbergerdorff-" * 4),
    ("jordan.lee", "Jordan", "Lee"),
    ("jordan.lee2", "Jordan", "Lee"),
    ("no.name", "", ""),
    ("null.name", None, None),
    ("only.last", None, "Mononym"),
    ("formula.equals", '=HYPERLINK("http://formula.example","x")', "Sum"),
    ("formula.plus", "+44 20", "Plus"),
    ("formula.at", "@SUM(1+1)", "At"),
    ("formula.minus", "-2+3", "Minus"),
    ("emoji", "🦊 Renard", "👩🏽‍🚀"),
    ("combining", "Zoe\u0308", "Nu\u0301n\u0303ez"),
    ("stacked", "Z\u0351\u036b\u0343a\u0334\u0321l\u0358g\u0322o", "Stacked"),
    ("dotted.i", "İpek", "Işık"),
    ("xiaoming.wang", "小明", "王"),
    ("padded", "  Pat  ", " Padded "),
    ("two.lines", "Line\nBreak", "Tab\tStop"),
    ("plus+tag", "Paula", "Plus-Tag"),
    ("Mixed.Case", "Max", "Mixed"),
    ("zero.width", "Zed\u200b", "\u200bWidth"),
    ("comma", "Smith, John", "Jr.; PhD"),
    ("null.word", "Null", "None"),
)


def awkward(domain: str) -> list[Person]:
    """One person for each kind of name that breaks careless code."""
    people = [Person(f"{name}@{domain}", first, last) for name, first, last in AWKWARD]
    return [person if "long.name" not in person.email else _cut(person) for person in people]


def believable(rng: random.Random, domain: str, taken: set[str]) -> Iterator[Person]:
    """People without end. `taken` holds the emails in use, and grows."""
    while True:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        name = f"{_ascii(first)}.{_ascii(last)}"
        email, number = f"{name}@{domain}", 1
        while email in taken:
            number += 1
            email = f"{name}{number}@{domain}"
        taken.add(email)
        # A range reserved for drama: 020 7946 0000 to 0999.
        phone = f"+44207946{rng.randrange(1000):04}" if rng.random() < 0.3 else None
        yield Person(email, first, last, phone)


def _cut(person: Person) -> Person:
    """A full name of exactly 200 characters."""
    first = (person.first_name or "")[:120].strip()
    return Person(person.email, first, (person.last_name or "")[: 199 - len(first)])


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().replace("ø", "o").replace("ı", "i"))
    return "".join(letter for letter in plain if letter.isascii() and (letter.isalnum() or letter == "-"))
